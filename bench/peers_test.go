package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/gorilla/sessions"
)

// What README says of other libraries is true of the releases in go.mod. A test here that fails
// after an upgrade says that the table has to change. What it says of Flask-Session is checked in
// integration/flask.

// scsCalls counts the calls to a store of scs.
type scsCalls struct {
	scs.Store
	finds, commits int
}

func (c *scsCalls) Find(token string) ([]byte, bool, error) {
	c.finds++
	return c.Store.Find(token)
}

func (c *scsCalls) Commit(token string, b []byte, expiry time.Time) error {
	c.commits++
	return c.Store.Commit(token, b, expiry)
}

// scsSession performs load, do and commit for a token, as scs's middleware does.
func scsSession(t *testing.T, m *scs.SessionManager, token string, do func(context.Context)) string {
	t.Helper()
	ctx, err := m.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	do(ctx)
	if m.Status(ctx) != scs.Modified {
		return token
	}
	if token, _, err = m.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	return token
}

func newSCS() (*scs.SessionManager, *scsCalls) {
	m := scs.New()
	calls := &scsCalls{Store: memstore.NewWithCleanupInterval(0)}
	m.Store = calls
	return m, calls
}

// scs makes one store call for a request that touches nothing, and two with an idle timeout.
func TestSCSUntouched(t *testing.T) {
	for idle, want := range map[time.Duration][2]int{0: {1, 0}, time.Hour: {1, 1}} {
		m, calls := newSCS()
		m.IdleTimeout = idle
		token := scsSession(t, m, "", func(ctx context.Context) { m.Put(ctx, "a", 1) })
		calls.finds, calls.commits = 0, 0
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: m.Cookie.Name, Value: token})
		m.LoadAndSave(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
		if got := [2]int{calls.finds, calls.commits}; got != want {
			t.Errorf("idle timeout %v: %v finds and commits, want %v", idle, got, want)
		}
	}
}

// Of two requests at once that change different values, scs keeps the later one's alone.
func TestSCSLosesUpdates(t *testing.T) {
	m, _ := newSCS()
	token := scsSession(t, m, "", func(ctx context.Context) { m.Put(ctx, "start", true) })
	scsSession(t, m, token, func(ctx context.Context) {
		scsSession(t, m, token, func(ctx context.Context) { m.Put(ctx, "a", 1) })
		m.Put(ctx, "b", 1)
	})
	scsSession(t, m, token, func(ctx context.Context) {
		if m.Exists(ctx, "a") || !m.Exists(ctx, "b") {
			t.Errorf("a %v, b %v", m.Exists(ctx, "a"), m.Exists(ctx, "b"))
		}
	})
}

// A sign-out of scs is undone by a request that began before it and stores a change after it.
func TestSCSUndoesSignOut(t *testing.T) {
	m, _ := newSCS()
	token := scsSession(t, m, "", func(ctx context.Context) { m.Put(ctx, "user", "ann") })
	scsSession(t, m, token, func(slow context.Context) {
		scsSession(t, m, token, func(ctx context.Context) {
			if err := m.Destroy(ctx); err != nil {
				t.Fatal(err)
			}
		})
		m.Put(slow, "a", 1)
	})
	scsSession(t, m, token, func(ctx context.Context) {
		if m.GetString(ctx, "user") != "ann" {
			t.Error("the sign-out holds")
		}
	})
}

// What scs keeps a session by in the store is its ticket, unless HashTokenInStore is set.
func TestSCSTicketInStore(t *testing.T) {
	m, calls := newSCS()
	token := scsSession(t, m, "", func(ctx context.Context) { m.Put(ctx, "a", 1) })
	if _, found, err := calls.Store.Find(token); err != nil || !found {
		t.Errorf("not found by the ticket: %v", err)
	}
	if m.HashTokenInStore {
		t.Error("hashed by default")
	}
}

// gorilla returns a store of files, and a function that performs one request.
func gorilla(t *testing.T) (dir string, request func(cookie string, do func(*sessions.Session)) string) {
	t.Helper()
	dir = t.TempDir()
	store := sessions.NewFilesystemStore(dir, bytes.Repeat([]byte("k"), 32))
	return dir, func(cookie string, do func(*sessions.Session)) string {
		t.Helper()
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		s, err := store.Get(r, "session")
		if err != nil {
			t.Fatal(err)
		}
		do(s)
		if err := s.Save(r, w); err != nil {
			t.Fatal(err)
		}
		set, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		return set
	}
}

// Of two requests at once that change different values, gorilla/sessions keeps the later one's.
func TestGorillaLosesUpdates(t *testing.T) {
	_, request := gorilla(t)
	cookie := request("", func(s *sessions.Session) { s.Values["start"] = true })
	request(cookie, func(s *sessions.Session) {
		request(cookie, func(s *sessions.Session) { s.Values["a"] = 1 })
		s.Values["b"] = 1
	})
	request(cookie, func(s *sessions.Session) {
		if s.Values["a"] != nil || s.Values["b"] == nil {
			t.Errorf("it holds %v", s.Values)
		}
	})
}

// A sign-out of gorilla/sessions is undone by a request that began before it.
func TestGorillaUndoesSignOut(t *testing.T) {
	_, request := gorilla(t)
	cookie := request("", func(s *sessions.Session) { s.Values["user"] = "ann" })
	request(cookie, func(slow *sessions.Session) {
		request(cookie, func(s *sessions.Session) { s.Options.MaxAge = -1 })
		slow.Values["a"] = 1
	})
	request(cookie, func(s *sessions.Session) {
		if s.Values["user"] != "ann" {
			t.Error("the sign-out holds")
		}
	})
}

// gorilla/sessions names a file by the session's id, and its cookie holds that id, signed.
func TestGorillaTicketInStore(t *testing.T) {
	dir, request := gorilla(t)
	request("", func(s *sessions.Session) { s.Values["a"] = 1 })
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	if id := strings.TrimPrefix(entries[0].Name(), "session_"); len(id) < 32 {
		t.Errorf("the file is %s", entries[0].Name())
	}
}
