package cachelibstore_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func open(t testing.TB, dir string, opts cachelibstore.Options) *cachelibstore.Store {
	t.Helper()
	s, err := cachelibstore.New(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// enveloped stores any bytes as a document with one value, since the store takes
// documents alone and the suite stores anything.
type enveloped struct{ store.FullStore }

const envelope = "data"

func seal(r store.Record) store.Record {
	data := msgpack.AppendString(msgpack.AppendMapHeader(nil, 1), envelope)
	r.Data = msgpack.AppendBytes(data, r.Data)
	return r
}

func (e enveloped) Load(ctx context.Context, id string) (store.Record, error) {
	r, err := e.FullStore.Load(ctx, id)
	if err != nil {
		return r, err
	}
	var m map[string][]byte
	if err := msgpack.Unmarshal(r.Data, &m, msgpack.Limits{}); err != nil {
		return r, err
	}
	r.Data = m[envelope]
	return r, nil
}

func (e enveloped) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	return e.FullStore.Create(ctx, id, seal(r))
}

func (e enveloped) Replace(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
	return e.FullStore.Replace(ctx, id, seal(old), seal(next))
}

// damage makes a session's file one that cannot be read.
func damage(dir, id string) error {
	for _, name := range names("session:" + id) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return os.WriteFile(path, []byte("\xff\xff\xff\xffno pickle"), 0o600)
		}
	}
	return errors.New("there is no file")
}

// names returns the names of a key's file: by SHA-256 and by MD5.
func names(key string) [2]string {
	long, short := sha256.Sum256([]byte(key)), md5.Sum([]byte(key))
	return [2]string{hex.EncodeToString(long[:]), hex.EncodeToString(short[:])}
}

type clock struct{ n atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(0, c.n.Load()) }

func (c *clock) advance(d time.Duration) { c.n.Add(int64(d)) }

func TestConformance(t *testing.T) {
	for _, hash := range []cachelibstore.Hash{cachelibstore.Detect, cachelibstore.SHA256, cachelibstore.MD5} {
		t.Run(fmt.Sprint("hash ", hash), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var c clock
			c.advance(time.Duration(time.Now().UnixNano()))
			handle := func(t testing.TB) store.Store {
				s := open(t, dir, cachelibstore.Options{
					Hash: hash, NoSync: hash == cachelibstore.MD5, Now: c.now,
				})
				return enveloped{store.Complete(s)}
			}
			storetest.Run(t, storetest.Config{
				Abilities: []storetest.Ability{storetest.Sweeps},
				Advance:   c.advance,
				Damage:    func(id string) error { return damage(dir, id) },
				Now:       c.now,
				Open:      handle,
				Peer:      handle,
				Precision: time.Second,
			})
		})
	}
}

func TestOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, try := range map[string]func() (*cachelibstore.Store, error){
		"dir is empty": func() (*cachelibstore.Store, error) { return cachelibstore.New("", cachelibstore.Options{}) },
		"Options.Hash": func() (*cachelibstore.Store, error) {
			return cachelibstore.New(t.TempDir(), cachelibstore.Options{Hash: 9})
		},
		"Options.Mode": func() (*cachelibstore.Store, error) {
			return cachelibstore.New(t.TempDir(), cachelibstore.Options{Mode: os.ModeDir | 0o600})
		},
		"both set": func() (*cachelibstore.Store, error) {
			return cachelibstore.New(t.TempDir(), cachelibstore.Options{Prefix: "x", NoPrefix: true})
		},
		syscall.ENOTDIR.Error(): func() (*cachelibstore.Store, error) { return cachelibstore.New(file, cachelibstore.Options{}) },
	} {
		if _, err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// The hash that a folder's files are named by is found out when it is opened.
func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  cachelibstore.Hash
	}{
		{"an empty folder", nil, cachelibstore.SHA256},
		{"cachelib's counter before 0.16", []string{"2029240f6d1128be89ddc32729463129"}, cachelibstore.MD5},
		{"a session of cachelib before 0.16", []string{"d41d8cd98f00b204e9800998ecf8427e"}, cachelibstore.MD5},
		{"a session", []string{strings.Repeat("ab", 32)}, cachelibstore.SHA256},
		{"something else", []string{"README", strings.Repeat("xy", 16)}, cachelibstore.SHA256},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := open(t, dir, cachelibstore.Options{}).Hash(); got != c.want {
				t.Errorf("detected %d, want %d", got, c.want)
			}
		})
	}
}

func BenchmarkStore(b *testing.B) {
	dir := b.TempDir()
	storetest.Benchmark(b, func(t testing.TB) store.Store {
		return enveloped{store.Complete(open(t, dir, cachelibstore.Options{NoSync: true}))}
	})
}

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Logf("%s: %v", raw, err)
		return nil
	}
	return u
}
