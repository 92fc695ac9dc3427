package cachelibstore_test

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

// site is a folder that cachelib, of a version before 0.16, uses too.
type site struct {
	t   testing.TB
	dir string
	log bytes.Buffer
	*cachelibstore.Store
}

func newSite(t testing.TB, opts cachelibstore.Options) *site {
	s := &site{t: t, dir: t.TempDir()}
	opts.Hash = cachelibstore.MD5
	opts.Logger = slog.New(slog.NewTextHandler(&s.log, nil))
	s.Store = open(t, s.dir, opts)
	return s
}

func (s *site) path(key string) string {
	sum := md5.Sum([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:]))
}

// python writes a file as cachelib does.
func (s *site) python(key string, expires uint32, v pickle.Value) {
	s.t.Helper()
	b, err := pickle.Append(binary.NativeEndian.AppendUint32(nil, expires), v)
	if err == nil {
		err = os.WriteFile(s.path(key), b, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// stored returns what a file holds.
func (s *site) stored(key string) (expires uint32, v pickle.Value) {
	s.t.Helper()
	b, err := os.ReadFile(s.path(key))
	if err != nil {
		s.t.Fatal(err)
	}
	v, err = pickle.Decode(b[4:])
	if err != nil {
		s.t.Fatal(err)
	}
	return binary.NativeEndian.Uint32(b), v
}

func (s *site) load(id string) store.Record {
	s.t.Helper()
	r, err := s.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func dict(t testing.TB, pairs ...pickle.Value) *pickle.Dict {
	t.Helper()
	d := &pickle.Dict{}
	for i := 0; i < len(pairs); i += 2 {
		if err := d.Set(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func inAnHour() uint32 { return uint32(time.Now().Add(time.Hour).Unix()) }

// with returns a document with one value set anew.
func with(t testing.TB, data []byte, name string, v any) []byte {
	t.Helper()
	n, rest, err := msgpack.ReadMapHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	out := append(msgpack.AppendMapHeader(nil, n+1), rest...)
	out, err = msgpack.Append(msgpack.AppendString(out, name), v, msgpack.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(a, b pickle.Value) bool {
	x, err := pickle.Append(nil, a)
	y, err2 := pickle.Append(nil, b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// odd are values that MessagePack holds as another type, or not at all.
func odd(t testing.TB) *pickle.Dict {
	return dict(t,
		"tuple", pickle.Tuple{int64(1), "a"},
		"flashes", &pickle.List{Items: []pickle.Value{pickle.Tuple{"message", "hi"}}},
		"bytearray", pickle.ByteArray("x"),
		"naive", pickle.DateTime{State: [10]byte{7, 232, 1, 2, 3, 4, 5, 0, 0, 6}},
		"aware", pickle.DateTime{State: [10]byte{7, 232, 1, 2, 3, 4, 5, 0, 0, 6}, Zone: &pickle.Zone{Offset: pickle.Delta{Seconds: 3600}}},
		"date", pickle.Date{7, 232, 2, 29},
		"decimal", pickle.Decimal("1.50"),
		"uuid", pickle.UUID{1, 2, 3},
		"2^64", new(big.Int).Lsh(big.NewInt(1), 64),
		"surrogate", "\xed\xa0\x80",
		"zone", pickle.Zone{},
	)
}

// What Python put there keeps its type while Go changes something else, and takes
// another when Go sets it.
func TestValuesKeepTheirTypes(t *testing.T) {
	s := newSite(t, cachelibstore.Options{})
	s.python("session:a", inAnHour(), odd(t))
	r := s.load("a")
	next := r
	next.Data = with(t, r.Data, "n", 1)
	v, err := s.Replace(t.Context(), "a", r, next)
	if err != nil {
		t.Fatal(err)
	}
	want := odd(t)
	if err := want.Set("n", int64(1)); err != nil {
		t.Fatal(err)
	}
	if _, got := s.stored("session:a"); !same(got, want) {
		t.Errorf("stored %#v", got)
	}
	if again := s.load("a"); !bytes.Equal(again.Data, next.Data) || again.Version != v {
		t.Errorf("loaded %x, stored %x", again.Data, next.Data)
	}
	// A new record has nothing to keep, so the types are those that MessagePack has.
	if _, err := s.Create(t.Context(), "b", next); err != nil {
		t.Fatal(err)
	}
	_, stored := s.stored("session:b")
	if tuple, _ := stored.(*pickle.Dict).Get("tuple"); !same(tuple, &pickle.List{Items: []pickle.Value{int64(1), "a"}}) {
		t.Errorf("the tuple became %#v", tuple)
	}
	if large, _ := stored.(*pickle.Dict).Get("2^64"); !same(large, new2to64()) {
		t.Errorf("2^64 became %#v", large)
	}
}

func new2to64() pickle.Value { return new(big.Int).Lsh(big.NewInt(1), 64) }

func TestJSONDocuments(t *testing.T) {
	s := newSite(t, cachelibstore.Options{})
	s.python("session:a", inAnHour(), dict(t, "set", &pickle.Set{Items: []pickle.Value{int64(1)}}, "n", int64(1)))
	r := s.load("a")
	next := r
	next.Data = []byte(`{"set":[1],"n":2,"s":"x","f":1.0,"big":18446744073709551616}`)
	if _, err := s.Replace(t.Context(), "a", r, next); err != nil {
		t.Fatal(err)
	}
	want := dict(t, "set", &pickle.Set{Items: []pickle.Value{int64(1)}}, "n", int64(2), "s", "x", "f", 1.0, "big", new2to64())
	if _, got := s.stored("session:a"); !same(got, want) {
		t.Errorf("stored %#v", got)
	}
}

// Data that is no document is refused before anything is written.
func TestRefusesOtherData(t *testing.T) {
	s := newSite(t, cachelibstore.Options{})
	nanos, _ := msgpack.Append(nil, map[string]time.Time{"t": time.Unix(0, 1)}, msgpack.Limits{})
	for _, data := range []string{"", "x", "[1]", `{"a":`, "\x80\x80", "\x81\xa1\xff\x01", "\x82\xa1a\x01\xa1a\x02", "\xdf\xff\xff\xff\xff", "\x81\xa1a\xa1\xff", string(nanos)} {
		if v, err := s.Create(t.Context(), "a", store.Record{Data: []byte(data), Expires: time.Now().Add(time.Hour)}); err == nil {
			t.Errorf("%x was stored, version %x", data, v)
		}
	}
	if _, err := os.Stat(s.path("session:a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file is there: %v", err)
	}
}

// What cannot be read is unreadable, is reported once, without its content, and stays
// where it is.
func TestUnreadable(t *testing.T) {
	for name, content := range map[string]string{
		"a persistent id": "\xff\xff\xff\xff\x80\x04}\x8c\x06secretPx\ns.",
		"not a dict":      "\xff\xff\xff\xff]\x8c\x06secreta.",
		"no pickle":       "\xff\xff\xff\xffsecret",
		"MessagePack":     "\xff\xff\xff\xff\x81\xa6secret\x01",
		"JSON, no dict":   "\xff\xff\xff\xff[\"secret\"]",
		"JSON, cut":       "\xff\xff\xff\xff{\"secret\":",
		"too short":       "\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cachelibstore.Options{})
			if err := os.WriteFile(s.path("session:a"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			r := store.Record{Data: []byte("{}"), Expires: time.Now().Add(time.Hour), Version: "v"}
			for range 3 {
				_, load := s.Load(t.Context(), "a")
				_, replace := s.Replace(t.Context(), "a", r, r)
				touch, deleted := s.Touch(t.Context(), "a", r, r.Expires), s.Delete(t.Context(), "a", r)
				for op, err := range map[string]error{"Load": load, "Replace": replace, "Touch": touch, "Delete": deleted} {
					if !errors.Is(err, store.ErrUnreadable) {
						t.Fatalf("%s: %v, want ErrUnreadable", op, err)
					}
				}
			}
			log := s.log.String()
			if strings.Count(log, "cannot be read") != 1 || strings.Contains(log, "secret") || name == "MessagePack" && !strings.Contains(log, name) {
				t.Errorf("logged %s", log)
			}
			if _, _, err := s.Sweep(t.Context(), "", 10); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(s.path("session:a")); err != nil {
				t.Errorf("it was removed: %v", err)
			}
			if err := s.Delete(t.Context(), "a", store.Record{}); err != nil {
				t.Errorf("Delete without a version: %v", err)
			}
			if len(content) < 4 {
				return
			}
			if err := os.WriteFile(s.path("session:a"), []byte("\x01\x00\x00\x00"+content[4:]), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
				t.Errorf("an expired one: %v, want ErrNotFound", err)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	s := newSite(t, cachelibstore.Options{})
	s.python("session:never", 0, dict(t, "a", int64(1)))
	if r := s.load("never"); r.Expires.Year() != 2106 {
		t.Errorf("without an expiry it expires %v", r.Expires)
	}
	s.python("session:past", uint32(time.Now().Unix()-10), dict(t, "a", int64(1)))
	if _, err := s.Load(t.Context(), "past"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an expired one: %v", err)
	}
	for _, c := range []struct {
		at   time.Time
		want uint32
	}{
		{time.Unix(4_000_000_000, 1), 4_000_000_001},
		{time.Unix(4_000_000_000, 0), 4_000_000_000},
		{time.Unix(1<<40, 0), 1<<32 - 1},
		{time.Unix(-5, 0), 1},
	} {
		id := c.at.String()
		if _, err := s.Create(t.Context(), id, store.Record{Data: []byte("{}"), Expires: c.at}); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.stored("session:" + id); got != c.want {
			t.Errorf("%v is stored as %d, want %d", c.at, got, c.want)
		}
	}
}

// The counter follows where there is one, and none is made.
func TestCounter(t *testing.T) {
	s := newSite(t, cachelibstore.Options{})
	write := func(id string, d time.Duration) {
		t.Helper()
		if _, err := s.Create(t.Context(), id, store.Record{Data: []byte("{}"), Expires: time.Now().Add(d)}); err != nil {
			t.Fatal(err)
		}
	}
	write("first", time.Hour)
	if names, _ := filepath.Glob(filepath.Join(s.dir, "2029*")); names != nil {
		t.Fatalf("a counter was made: %v", names)
	}
	s.python("__wz_cache_count", 0, int64(7))
	count := func(want int64) {
		t.Helper()
		if expires, got := s.stored("__wz_cache_count"); got != want || expires != 0 {
			t.Errorf("the counter is %v, expiring at %d, want %d", got, expires, want)
		}
	}
	write("a", time.Hour)
	write("b", -time.Hour)
	write("c", -time.Hour)
	count(10)
	write("c", -time.Minute) // its file is there
	count(10)
	if err := s.Delete(t.Context(), "a", store.Record{}); err != nil {
		t.Fatal(err)
	}
	count(9)
	if removed, next, err := s.Sweep(t.Context(), "", 10); removed != 2 || next != "" || err != nil {
		t.Errorf("swept %d, next %q, error %v", removed, next, err)
	}
	count(7)
}

func TestModeAndTemporaryFiles(t *testing.T) {
	s := newSite(t, cachelibstore.Options{Mode: 0o640, NoPrefix: true})
	if _, err := s.Create(t.Context(), "a", store.Record{Data: []byte("{}"), Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.path("a"))
	want := fs.FileMode(0o640)
	if runtime.GOOS == "windows" { // which knows read-only files and others
		want = 0o666
	}
	if err != nil || info.Mode() != want {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	old, young, other := filepath.Join(s.dir, "tmpabc.__wz_cache"), filepath.Join(s.dir, "tmpdef.__wz_cache"), filepath.Join(s.dir, "notes")
	for _, path := range []string{old, young, other} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := errors.Join(os.Chtimes(old, yesterday, yesterday), os.Chtimes(other, yesterday, yesterday)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Sweep(t.Context(), "", 10); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{old: false, young: true, other: true, s.path("a"): true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
}

func TestOpener(t *testing.T) {
	dir := t.TempDir()
	o := cachelibstore.Opener()
	for query, want := range map[string]string{
		"": "", "?hash=md5&mode=0640&prefix=x:&sync=off": "", "?prefix=": "",
		"?hash=sha1": "hash", "?mode=rw": "octal", "?mode=7777": "permissions", "?threshold=5": "unknown parameter",
	} {
		u := parse(t, "cachelib:"+filepath.ToSlash(dir)+query)
		_, closer, err := o.Open(t.Context(), u)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", query, err, want)
		}
		if err == nil {
			closer.Close()
		}
	}
	for _, bad := range []string{"cachelib://host/dir", "cachelib:", "cachelib:///dir#x", "cachelib:a%zz"} {
		if u := parse(t, bad); u != nil {
			if _, _, err := o.Open(t.Context(), u); err == nil {
				t.Errorf("%s was opened", bad)
			}
		}
	}
}
