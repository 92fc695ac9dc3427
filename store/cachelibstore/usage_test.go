package cachelibstore_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

// Which of the names of a file Python uses.
const (
	bySHA256 = 0 // cachelib 0.16 and later
	byMD5    = 1
)

// shared is a folder that Python writes to, as files of cachelib with times that rise.
type shared struct {
	t    testing.TB
	dir  string
	tick int
}

func newShared(t testing.TB) *shared { return &shared{t: t, dir: t.TempDir()} }

func (s *shared) open(opts cachelibstore.Options) *cachelibstore.Store {
	s.t.Helper()
	opts.NoSync = true
	opts.Logger = slog.New(slog.DiscardHandler)
	return open(s.t, s.dir, opts)
}

func (s *shared) path(key string, hash int) string { return filepath.Join(s.dir, names(key)[hash]) }

// put writes a file that looks as if Python had just written it.
func (s *shared) put(key string, hash int, content string) {
	s.t.Helper()
	path := s.path(key, hash)
	s.tick++
	when := time.Now().Truncate(time.Second).Add(time.Duration(s.tick)*time.Second + 1_000_007)
	err := os.WriteFile(path, []byte(content), 0o600)
	if err = errors.Join(err, os.Chtimes(path, when, when)); err != nil {
		s.t.Fatal(err)
	}
}

const (
	session = "\x80\x05\x95 \x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\n_permanent\x94\x88\x8c\x05value\x94\x8c\x0242\x94u."
	forever = "\x00\x00\x00\x00"
	past    = "\x01\x00\x00\x00"
	counter = "__wz_cache_count"
)

// python stores a session as Python does.
func (s *shared) python(id string, hash int) {
	s.t.Helper()
	s.put("session:"+id, hash, forever+session)
}

// starts does what Python does when it starts with a threshold.
func (s *shared) starts(hash int) { s.t.Helper(); s.put(counter, hash, forever+"\x80\x05K\x07.") }

// finds reports whether a Python that uses hash finds a session, and fails if there are
// files under both names.
func (s *shared) finds(id string, hash int) bool {
	s.t.Helper()
	_, err := os.Stat(s.path("session:"+id, hash))
	_, other := os.Stat(s.path("session:"+id, 1-hash))
	if err == nil && other == nil {
		s.t.Errorf("session %s has two files", id)
	}
	return err == nil
}

func (s *shared) create(st *cachelibstore.Store, id string) store.Record {
	s.t.Helper()
	r := store.Record{Data: []byte("\x81\xa1a\x01"), Expires: time.Now().Add(time.Hour)}
	v, err := st.Create(s.t.Context(), id, r)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Version = v
	return r
}

func (s *shared) load(store *cachelibstore.Store, id string) store.Record {
	s.t.Helper()
	r, err := store.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatalf("session %s: %v", id, err)
	}
	return r
}

// Python finds what Go stored, and Go what Python stored, whenever Python starts and
// changes its version.
func TestFollowsPython(t *testing.T) {
	for _, old := range []int{bySHA256, byMD5} {
		for _, counted := range []bool{false, true} {
			t.Run(fmt.Sprintf("to=%d,counter=%v", 1-old, counted), func(t *testing.T) {
				s := newShared(t)
				next := 1 - old
				version := func(hash int, id string) {
					if counted {
						s.starts(hash)
					}
					s.python(id, hash)
				}
				go1 := s.open(cachelibstore.Options{}) // on an empty folder
				first := s.create(go1, "first")
				version(old, "old")
				r := s.load(go1, "old")
				s.create(go1, "second")
				if !s.finds("second", old) {
					t.Error("a session that Go created is not where Python looks")
				}
				if _, err := go1.Replace(t.Context(), "first", first, first); err != nil || !s.finds("first", old) {
					t.Errorf("a session that Go changed is not where Python looks: %v", err)
				}
				version(next, "new") // an upgrade, or a return
				go2 := s.open(cachelibstore.Options{})
				for _, store := range []*cachelibstore.Store{go1, go2} {
					for _, id := range []string{"new", "old", "first", "second"} {
						s.load(store, id)
					}
				}
				if _, err := go1.Replace(t.Context(), "old", r, r); err != nil || !s.finds("old", next) {
					t.Errorf("a session from before was changed, and is not where Python looks: %v", err)
				}
				if err := go1.Touch(t.Context(), "second", r, r.Expires); err != nil || !s.finds("second", next) {
					t.Errorf("a session from before was touched, and is not where Python looks: %v", err)
				}
				s.create(go2, "third")
				s.create(go1, "fourth")
				if !s.finds("third", next) || !s.finds("fourth", next) {
					t.Error("after the upgrade, a session that Go created is not where Python looks")
				}
				for _, id := range []string{"new", "old", "first", "second", "third"} {
					if err := go2.Delete(t.Context(), id, store.Record{}); err != nil || s.finds(id, old) || s.finds(id, next) {
						t.Errorf("session %s was deleted and is there: %v", id, err)
					}
				}
			})
		}
	}
}

// What this store writes does not tell what Python does.
func TestOwnFilesTellNothing(t *testing.T) {
	s := newShared(t)
	s.python("a", bySHA256)
	md5 := s.open(cachelibstore.Options{Hash: cachelibstore.MD5})
	s.create(md5, "b")
	s.starts(byMD5)
	before := s.open(cachelibstore.Options{}).Hash()
	s.starts(bySHA256)
	s.create(md5, "c") // counts in MD5's counter
	if got := s.open(cachelibstore.Options{}).Hash(); before != cachelibstore.MD5 || got != cachelibstore.SHA256 {
		t.Errorf("hash %d, then %d", before, got)
	}
}

// A session that this package writes again keeps telling how Python names its files, to
// another process too.
func TestRewrittenFilesTell(t *testing.T) {
	s := newShared(t)
	s.python("old", byMD5)
	s.python("new", bySHA256)
	first := s.open(cachelibstore.Options{})
	r := s.load(first, "new")
	next := store.Record{Data: []byte("\x81\xa1a\x02"), Expires: time.Now().Add(time.Hour)}
	if _, err := first.Replace(t.Context(), "new", r, next); err != nil {
		t.Fatal(err)
	}
	if err := first.Touch(t.Context(), "new", r, time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	second := s.open(cachelibstore.Options{})
	s.create(second, "made")
	if second.Hash() != cachelibstore.SHA256 || !s.finds("new", bySHA256) || !s.finds("made", bySHA256) {
		t.Errorf("hash %d", second.Hash())
	}
}

// With a hash that is set, there are no other files.
func TestFixedHash(t *testing.T) {
	s := newShared(t)
	s.python("a", byMD5)
	s.starts(byMD5)
	st := s.open(cachelibstore.Options{Hash: cachelibstore.SHA256})
	s.python("b", bySHA256)
	s.load(st, "b")
	if _, err := st.Load(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a file of the other hash: %v", err)
	}
	s.create(st, "c")
	if st.Hash() != cachelibstore.SHA256 || !s.finds("c", bySHA256) {
		t.Error("the hash is not the one that was set")
	}
}

// Of two files, Python's is the live one, and both end together.
func TestTwoNames(t *testing.T) {
	ctx := t.Context()
	setup := func(t *testing.T) (*shared, *cachelibstore.Store) {
		s := newShared(t)
		s.put("session:a", byMD5, forever+strings.Replace(session, "42", "41", 1))
		s.python("a", bySHA256)
		return s, s.open(cachelibstore.Options{})
	}
	gone := func(t *testing.T, s *shared) {
		t.Helper()
		if s.finds("a", bySHA256) || s.finds("a", byMD5) {
			t.Error("a file is left")
		}
	}
	t.Run("load and delete", func(t *testing.T) {
		s, st := setup(t)
		r := s.load(st, "a")
		if !strings.Contains(string(r.Data), "42") {
			t.Errorf("loaded %q", r.Data)
		}
		if err := st.Delete(ctx, "a", store.Record{Version: "other"}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("Delete of another version: %v", err)
		}
		if err := st.Delete(ctx, "a", r); err != nil {
			t.Error(err)
		}
		gone(t, s)
	})
	t.Run("replace", func(t *testing.T) {
		s, store := setup(t)
		r := s.load(store, "a")
		if _, err := store.Replace(ctx, "a", r, r); err != nil || !s.finds("a", bySHA256) {
			t.Errorf("replaced: %v", err)
		}
	})
	t.Run("create", func(t *testing.T) {
		s, st := setup(t)
		if _, err := st.Create(ctx, "a", store.Record{Data: []byte("{}"), Expires: time.Now().Add(time.Hour)}); !errors.Is(err, store.ErrExists) {
			t.Error(err)
		}
		s.put("session:a", byMD5, past+session)
		s.put("session:a", bySHA256, past+session)
		s.create(st, "a")
		if !s.finds("a", bySHA256) {
			t.Error("it is not where Python looks")
		}
	})
	t.Run("the live one is expired", func(t *testing.T) {
		s, st := setup(t)
		s.put("session:a", bySHA256, past+session)
		if r := s.load(st, "a"); !strings.Contains(string(r.Data), "41") {
			t.Errorf("loaded %q", r.Data)
		}
		if err := st.Delete(ctx, "a", store.Record{}); err != nil {
			t.Error(err)
		}
		gone(t, s)
	})
	t.Run("the live one cannot be read", func(t *testing.T) {
		s, st := setup(t)
		s.put("session:a", bySHA256, forever+"no pickle")
		if _, err := st.Load(ctx, "a"); !errors.Is(err, store.ErrUnreadable) {
			t.Error(err)
		}
		if err := st.Delete(ctx, "a", store.Record{}); err != nil {
			t.Error(err)
		}
		gone(t, s)
	})
	t.Run("sweep and counters", func(t *testing.T) {
		s, store := setup(t)
		s.put("session:a", byMD5, past+session)
		s.starts(byMD5)
		s.starts(bySHA256)
		if n, _, err := store.Sweep(ctx, "", 10); n != 1 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		s.load(store, "a")
		for hash := range 2 {
			if b, err := os.ReadFile(s.path(counter, hash)); err != nil || string(b) != forever+"\x80\x04K\x06." {
				t.Errorf("counter %q, %v", b, err)
			}
		}
	})
}

// While Python goes from one version to another and back, changes by several stores
// stay exact, and no session seems to be gone.
func TestRaceOfNames(t *testing.T) {
	s := newShared(t)
	s.starts(byMD5)
	const each = 60
	stores := []*cachelibstore.Store{s.open(cachelibstore.Options{}), s.open(cachelibstore.Options{})}
	r := s.create(stores[0], "a")
	r.Data = []byte("\x81\xa1n\x00")
	stop := make(chan struct{})
	var python, all sync.WaitGroup
	python.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.starts(i % 2)
			}
		}
	})
	if err := stores[0].Delete(t.Context(), "a", store.Record{}); err != nil {
		t.Fatal(err)
	}
	if _, err := stores[0].Create(t.Context(), "a", r); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		all.Go(func() {
			st := stores[i%2]
			for done := 0; done < each; {
				old, err := st.Load(t.Context(), "a")
				if err != nil {
					t.Errorf("Load: %v", err)
					return
				}
				next := old
				next.Data = append([]byte("\x81\xa1n\xcd"), 0, 0)
				n := int(old.Data[3])
				switch n {
				case 0xcc:
					n = int(old.Data[4])
				case 0xcd:
					n = int(old.Data[4])<<8 | int(old.Data[5])
				}
				next.Data[4], next.Data[5] = byte((n+1)>>8), byte(n+1)
				_, err = st.Replace(t.Context(), "a", old, next)
				if err == nil {
					done++
				} else if !errors.Is(err, store.ErrConflict) {
					t.Errorf("Replace: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	close(stop)
	python.Wait()
	if got := s.load(stores[0], "a"); string(got.Data) != "\x81\xa1n\xcc"+string([]byte{4 * each}) {
		t.Errorf("after %d increments the data is %x", 4*each, got.Data)
	}
}

// Each form that cachelib has given its files, as it wrote them.
func TestForms(t *testing.T) {
	const pickled = "80059520000000000000007d94288c0a5f7065726d616e656e7494888c0576616c7565948c02343294752e"
	const asJSON = `{"_permanent": true, "value": "42"}`
	for _, c := range []struct {
		name, counter, counted string
		forever, until         string // 2147483647
		later                  string // 4000000000
		head                   string // of what expires at 3000000000
	}{
		{"0.1 to 0.4", "K\x00.\x80\x05K\x00.", "K\x00.\x80\x04K\x01.", "4b002e" + pickled, "4affffff7f2e" + pickled, "4c343030303030303030304c0a2e" + pickled, "L3000000000L\n."},
		{"0.5 and 0.6", "\x80\x05K\x00.\x80\x05K\x00.", "K\x00.\x80\x04K\x01.", "80054b002e" + pickled, "80059506000000000000004affffff7f2e" + pickled, "80059508000000000000008a0500286bee002e" + pickled, "L3000000000L\n."},
		{"0.7 and later", "\x00\x00\x00\x00\x80\x05K\x00.", "\x00\x00\x00\x00\x80\x04K\x01.", "00000000" + pickled, "ffffff7f" + pickled, "00286bee" + pickled, "\x00^\xd0\xb2"},
		{"JSONSerializer", "\x00\x00\x00\x000", "\x00\x00\x00\x001", "00000000" + hex.EncodeToString([]byte(asJSON)), "ffffff7f" + hex.EncodeToString([]byte(asJSON)), "00286bee" + hex.EncodeToString([]byte(asJSON)), "\x00^\xd0\xb2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShared(t)
			for id, content := range map[string]string{"0": c.forever, "2147483647": c.until, "4000000000": c.later} {
				b, err := hex.DecodeString(content)
				if err != nil {
					t.Fatal(err)
				}
				s.put("session:"+id, byMD5, string(b))
			}
			now := time.Unix(2_000_000_000, 0)
			st := s.open(cachelibstore.Options{Now: func() time.Time { return now }})
			expires := time.Unix(3_000_000_000, 0)
			for _, id := range []string{"0", "2147483647", "4000000000"} {
				r := s.load(st, id)
				if data := string(r.Data); data != "\x82\xaa_permanent\xc3\xa5value\xa242" && data != asJSON {
					t.Errorf("loaded %q", data)
				}
				if id != "0" && strconv.FormatInt(r.Expires.Unix(), 10) != id || id == "0" && r.Expires.Year() != 2106 {
					t.Errorf("session %s expires %v", id, r.Expires)
				}
				if err := st.Touch(t.Context(), id, r, expires); err != nil {
					t.Fatal(err)
				}
				if got := s.load(st, id); !got.Expires.Equal(expires) || got.Version != r.Version {
					t.Errorf("a touched one expires %v", got.Expires)
				}
				r.Expires = expires
				if _, err := st.Replace(t.Context(), id, r, r); err != nil {
					t.Fatal(err)
				}
				r.Expires = now.Add(time.Hour)
				if got := s.load(st, id); !got.Expires.Equal(expires) || string(got.Data) != string(r.Data) {
					t.Errorf("replaced: %q, expires %v", got.Data, got.Expires)
				}
			}
			s.put(counter, byMD5, c.counter)
			if _, err := st.Create(t.Context(), "new", store.Record{Data: []byte("\x81\xa1a\x01"), Expires: expires}); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(s.path("session:new", byMD5))
			if want := c.head + map[bool]string{true: `{"a":1}`, false: "\x80\x04}"}[c.name == "JSONSerializer"]; err != nil || !strings.HasPrefix(string(b), want) {
				t.Errorf("a new session is %q, want %q; %v", b, want, err)
			}
			if b, err := os.ReadFile(s.path(counter, byMD5)); err != nil || string(b) != c.counted {
				t.Errorf("the counter is %q, %v", b, err)
			}
			now = expires
			if n, _, err := st.Sweep(t.Context(), "", 10); n != 4 || err != nil {
				t.Errorf("swept %d, %v", n, err)
			}
		})
	}
}

// What is changed in Go only takes the form that Python has by now.
func TestFormFollows(t *testing.T) {
	s := newShared(t)
	s.put("session:a", byMD5, "K\x00."+session)
	store := s.open(cachelibstore.Options{})
	r := s.load(store, "a")
	s.create(store, "b")
	s.starts(byMD5)
	for _, id := range []string{"a", "b"} {
		if err := store.Touch(t.Context(), id, r, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(s.path("session:"+id, byMD5)); err != nil || b[4] != 0x80 {
			t.Errorf("session %s: %q, %v", id, b, err)
		}
	}
}
