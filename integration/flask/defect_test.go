package flask_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Defects of Flask-Session, each a case that Go passes. Those of single stores are in the
// stores' own tests.
func TestDefects(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, settings, with(settings, map[string]any{
		"login": false, "SESSION_COOKIE_NAME": "session", "SESSION_COOKIE_SECURE": true, "SESSION_COOKIE_PARTITIONED": true,
	}))
	st := openStore(t, settings)
	for name, test := range map[string]func(*testing.T, pair, store.Store){
		"a slow request does not recreate what was signed out": slowLogout,
		"two requests keep both changes":                       slowSet,
		"a corrupt record ends with a sign-out":                corrupt,
		"a pickle executes nothing":                            pickles,
		"regenerate leaves no session half-way":                regenerateTwice,
		"an overlong id never reaches the store":               overlong,
		"static files open no session":                         static,
		"increments beside a session of Flask":                 increments,
	} {
		t.Run(name, func(t *testing.T) { test(t, p[0], st) })
	}
	t.Run("partitioned cookies", func(t *testing.T) {
		a, err := send(p[1].golang, "", "POST /set name=a&value=1")
		if err != nil || len(a.cookies) != 1 || !a.cookies[0].Partitioned || !a.cookies[0].Secure {
			t.Errorf("%v, %v", a.cookies, err)
		}
	})
}

func openStore(t *testing.T, settings map[string]any) store.Store {
	t.Helper()
	c, err := flask.FromMap(settings)
	if err != nil {
		t.Fatal(err)
	}
	rawURL, err := c.StoreURL()
	if err != nil {
		t.Fatal(err)
	}
	store, closer, err := storeurl.Open(t.Context(), rawURL, openers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return store
}

// plant stores a record and returns a browser with its id.
func plant(t *testing.T, st store.Store, id, data string) *browser {
	t.Helper()
	if _, err := st.Create(t.Context(), id, store.Record{Data: []byte(data), Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, cookie: id}
}

// slowly begins a request that reads its session and waits before it sets a value. finish
// ends it.
func slowly(t *testing.T, s side, cookie, name string) (finish func() answer) {
	t.Helper()
	gate := url.QueryEscape(t.Name() + s.name + name)
	got := make(chan answer, 1)
	go func() {
		a, err := send(s, cookie, "POST /slow name="+name+"&value=1&gate="+gate)
		if err != nil {
			a.body = err.Error()
		}
		got <- a
	}()
	servers.Until(t, "a slow request waits", func() error {
		if a, err := send(s, "", "GET /gate?gate="+gate); err != nil || a.body != "waiting" {
			return errors.Join(err, errors.New("not yet"))
		}
		return nil
	})
	return func() answer {
		t.Helper()
		if _, err := send(s, "", "GET /gate?open=1&gate="+gate); err != nil {
			t.Fatal(err)
		}
		return <-got
	}
}

// After a sign-out at either side, Go's slow request does not bring the session back.
// Flask's does.
func slowLogout(t *testing.T, p pair, store store.Store) {
	for _, ender := range []side{p.golang, p.python} {
		for _, slow := range []side{p.golang, p.python} {
			b := &browser{t: t}
			b.do(ender, "POST /login user=ada")
			id := b.cookie
			finish := slowly(t, slow, id, "late"+ender.name)
			b.do(ender, "POST /logout")
			if a := finish(); slow == p.golang && (a.status != http.StatusOK || len(a.cookies) > 0) {
				t.Errorf("the slow request got %d, %v", a.status, a.cookies)
			}
			_, err := store.Load(t.Context(), id)
			if back := err == nil; back != (slow == p.python) {
				t.Errorf("signed out by %s, a slow request of %s: the session is back: %v (%v)", ender.name, slow.name, back, err)
			}
		}
	}
}

// Go keeps what either side changed meanwhile. Flask's slow request overwrites it.
func slowSet(t *testing.T, p pair, _ store.Store) {
	for _, other := range []side{p.golang, p.python} {
		b := &browser{t: t}
		b.set(other, "first", "1")
		finish := slowly(t, p.golang, b.cookie, "late"+other.name)
		b.set(other, "meanwhile", "2")
		if a := finish(); a.status != http.StatusOK {
			t.Fatal(a.body)
		}
		for _, s := range []side{p.golang, p.python} {
			b.holds(s, "first", "1")
			b.holds(s, "meanwhile", "2")
			b.holds(s, "late"+other.name, "1")
		}
	}
	b := &browser{t: t}
	b.set(p.golang, "first", "1")
	finish := slowly(t, p.python, b.cookie, "late")
	b.set(p.golang, "meanwhile", "2")
	finish()
	b.holds(p.golang, "meanwhile", "null") // as docs/from-flask.md says
}

// corrupt: a record that neither side can read stays, with its cookie, until Go ends it.
func corrupt(t *testing.T, p pair, store store.Store) {
	for i, data := range []string{"garbage", "\x80\x04", "{", "\xdf\xff\xff\xff\xff", "\x81\xa1a", "[1]"} {
		for end, user := range map[string]string{"POST /logout": "", "POST /login user=ada": "ada"} {
			b := plant(t, store, fmt.Sprintf("corrupt%d%035d", len(user), i), data)
			cookie := b.cookie
			if a := b.try(p.python, "GET /ping"); a.status != http.StatusInternalServerError {
				t.Logf("Flask answers %q with %d", data, a.status)
			}
			b.holds(p.golang, "a", "null")
			b.set(p.golang, "a", "1")
			if b.cookie != cookie {
				t.Errorf("%q: Go sets another cookie", data)
			}
			b.holds(p.golang, "a", "null")
			b.do(p.golang, end)
			// the record is no more
			(&browser{t: t, cookie: cookie}).answers(p.python, "GET /whoami", "")
			b.answers(p.python, "GET /whoami", user)
			b.answers(p.golang, "GET /whoami", user)
		}
	}
}

func pickles(t *testing.T, p pair, store store.Store) {
	mark := filepath.Join(t.TempDir(), "executed")
	evil := plant(t, store, fmt.Sprintf("evil%039d", 0), "cos\nsystem\n(Vtouch "+mark+"\ntR.")
	evil.holds(p.golang, "a", "null")
	if _, err := os.Stat(mark); err == nil {
		t.Error("a pickle was executed")
	}
	plain := plant(t, store, fmt.Sprintf("plain%038d", 0), "\x80\x04}\x8c\x04cart](\x8c\x04coat\x8c\x03hates.")
	plain.holds(p.golang, "cart", `["coat","hat"]`)
	plain.set(p.golang, "more", "1")
	r, err := store.Load(t.Context(), plain.cookie)
	if err != nil || !strings.HasPrefix(string(r.Data), "\x80\x04") { // 0.6 reads nothing else
		t.Errorf("%q, %v", r.Data, err)
	}
	plain.holds(p.python, "cart", `["coat","hat"]`)
	plain.holds(p.python, "more", "1")
}

// regenerateTwice: two requests regenerate one session at once. Neither loses it, and one
// id is left.
func regenerateTwice(t *testing.T, p pair, store store.Store) {
	b := &browser{t: t}
	b.set(p.golang, "a", "1")
	var wg sync.WaitGroup
	var mu sync.Mutex
	var cookies []string
	for range 8 {
		wg.Go(func() {
			a, err := send(p.golang, b.cookie, "POST /regenerate")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for _, c := range a.cookies {
				cookies = append(cookies, c.Value)
			}
		})
	}
	wg.Wait()
	live := 0
	for _, id := range append(cookies, b.cookie) {
		if _, err := store.Load(t.Context(), id); err == nil {
			live++
		}
	}
	if live != 1 {
		t.Errorf("%d sessions are left of one", live)
	}
}

func overlong(t *testing.T, p pair, _ store.Store) {
	for _, id := range []string{strings.Repeat("A", 251), strings.Repeat("A", 4000), "a b", "a%0d%0aflush_all", "../../etc/passwd", "é"} {
		b := &browser{t: t, cookie: id}
		b.holds(p.golang, "a", "null")
	}
}

func static(t *testing.T, p pair, _ store.Store) {
	for _, request := range []string{"GET /ping", "OPTIONS /set"} {
		a, err := send(p.golang, "", request)
		if err != nil || len(a.cookies) > 0 || a.header.Get("Vary") != "" {
			t.Errorf("%s: %v, %v", request, a.header, err)
		}
	}
}

// increments are exact in Go, while Flask reads the same session.
func increments(t *testing.T, p pair, _ store.Store) {
	b := &browser{t: t}
	b.set(p.python, "a", "1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				a, err := send(p.golang, b.cookie, fmt.Sprintf("POST /set name=n%d-%d&value=1", i, j))
				if err != nil || a.status != http.StatusOK {
					t.Errorf("%d %s, %v", a.status, a.body, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		for j := range 5 {
			b.holds(p.python, fmt.Sprintf("n%d-%d", i, j), "1")
		}
	}
}

// A broken session file reads as no session, keeps its cookie, and can be ended.
func TestBrokenFile(t *testing.T) {
	t.Parallel()
	settings := stores["filesystem"](t)
	p := start(t, settings)[0]
	b := &browser{t: t}
	b.set(p.python, "a", "1")
	dir := settings["SESSION_FILE_DIR"].(string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, err := hex.DecodeString(e.Name()); err == nil && len(name) > 0 && !e.IsDir() {
			if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte("\xff\xff\xff\x7fbroken"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.holds(p.golang, "a", "null")
	b.set(p.golang, "a", "2")
	b.holds(p.golang, "a", "null")
	b.do(p.golang, "POST /logout")
	b.set(p.golang, "a", "2")
	b.holds(p.golang, "a", "2")
}

// Over Flask's threshold of 500 files, Go evicts no session.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	settings := stores["filesystem"](t)
	st := openStore(t, settings)
	const n = 600
	for i := range n {
		r := store.Record{Data: []byte("\x81\xa1a\x01"), Expires: time.Now().Add(time.Hour)}
		if _, err := st.Create(t.Context(), fmt.Sprintf("%043d", i), r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if _, err := st.Load(t.Context(), fmt.Sprintf("%043d", i)); err != nil {
			t.Fatalf("session %d of %d: %v", i, n, err)
		}
	}
}
