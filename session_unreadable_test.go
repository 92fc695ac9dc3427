package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// unreadables are sites with a browser whose record is there and cannot be read: by the
// core, by the core with a profile, and by the store itself.
func unreadables(t *testing.T, options cloakroom.Options, run func(t *testing.T, s *site, tab *browser, alive func() bool)) {
	for _, where := range []string{"record", "profile", "store", "record of a store without moves"} {
		t.Run(where, func(t *testing.T) {
			if options.Profile = nil; where == "profile" {
				options.Profile = shared()
			}
			s := newSite(t, options)
			if where == "record of a store without moves" {
				s = s.withoutMove()
			}
			var tab *browser
			var id string
			if where == "profile" {
				tab, id = s.plant("garbage")
			} else {
				tab = s.browser()
				tab.set(a, "1")
				s.store.intercept(func(_, got string, do func() error) error { id = got; return do() })
				tab.value(a)
				s.store.intercept(nil)
				s.damage(tab, []byte("garbage"))
			}
			if where == "store" {
				s.store.unreadable = id
			}
			alive := func() bool {
				_, err := s.store.FullStore.Load(context.Background(), id)
				return err == nil
			}
			run(t, s, tab, alive)
		})
	}
}

// TestUnreadableKeepsCookie: a request with a record that cannot be read has no
// session, and nothing that it sets replaces the cookie or the record.
func TestUnreadableKeepsCookie(t *testing.T) {
	changes := map[string]func(*cloakroom.Session) error{
		"read":          func(s *cloakroom.Session) error { _ = a.Get(s); return nil },
		"Set":           func(s *cloakroom.Session) error { a.Set(s, "2"); return nil },
		"Delete":        func(s *cloakroom.Session) error { a.Delete(s); return nil },
		"Flash":         func(s *cloakroom.Session) error { s.Flash("c", "m"); return nil },
		"SetPersistent": func(s *cloakroom.Session) error { s.SetPersistent(true); return nil },
		"Save":          func(s *cloakroom.Session) error { a.Set(s, "2"); return s.Save() },
		"UpdateNow": func(s *cloakroom.Session) error {
			_, err := a.UpdateNow(s, func(string) string { return "2" })
			return err
		},
		"Transact": func(s *cloakroom.Session) error {
			return s.Transact(func(tx *cloakroom.Tx) error { a.Set(tx, "2"); return nil })
		},
		"KeepAlive": func(s *cloakroom.Session) error { return s.KeepAlive() },
		"Reload":    func(s *cloakroom.Session) error { return s.Reload() },
	}
	fails := map[string]bool{"Save": true, "UpdateNow": true, "Transact": true, "KeepAlive": true, "Reload": true}
	for what, change := range changes {
		t.Run(what, func(t *testing.T) {
			unreadables(t, cloakroom.Options{}, func(t *testing.T, s *site, tab *browser, alive func() bool) {
				before := tab.cookie
				for range 2 {
					w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
						if !s.IsNew() || a.Get(s) != "" || s.Owner() != "" {
							t.Error("it has a session")
						}
						err := change(s)
						if fails[what] != errors.Is(err, cloakroom.ErrUnreadable) {
							t.Error(err)
						}
					})
					if w.Code != 200 || len(w.Result().Cookies()) > 0 || tab.cookie != before {
						t.Errorf("status %d, cookies %d", w.Code, len(w.Result().Cookies()))
					}
				}
				if !alive() {
					t.Error("the record is gone")
				}
				if n := s.log.count("reads as no session"); n != 1 {
					t.Errorf("reported %d times", n)
				}
			})
		})
	}
}

// TestUnreadableIsEnded: what asks for the end of a session, or for another, ends the
// record that cannot be read, or fails.
func TestUnreadableIsEnded(t *testing.T) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for what, c := range map[string]struct {
		do     func(*cloakroom.Session)
		status int
		after  string // the value of a in the session that is there afterwards
	}{
		"Logout":             {func(s *cloakroom.Session) { must(s.Logout()) }, 200, ""},
		"Logout after Save":  {func(s *cloakroom.Session) { a.Set(s, "1"); _ = s.Save(); must(s.Logout()) }, 200, ""},
		"Logout, then a Set": {func(s *cloakroom.Session) { must(s.Logout()); a.Set(s, "3") }, 200, "3"},
		"Login":              {func(s *cloakroom.Session) { a.Set(s, "2"); must(s.Login("ann")) }, 200, ""},
		"Login with values":  {func(s *cloakroom.Session) { must(s.Login("ann")); a.Set(s, "3") }, 200, "3"},
		"Clear":              {func(s *cloakroom.Session) { s.Clear() }, 200, ""},
		"Clear, then a Set":  {func(s *cloakroom.Session) { s.Clear(); a.Set(s, "3") }, 200, "3"},
		"Clear and Save":     {func(s *cloakroom.Session) { s.Clear(); must(s.Save()); a.Set(s, "3") }, 200, "3"},
		"Renew": {func(s *cloakroom.Session) {
			if err := s.Renew(); !errors.Is(err, cloakroom.ErrUnreadable) {
				panic(fmt.Sprint("Renew: ", err))
			}
		}, 503, ""},
	} {
		t.Run(what, func(t *testing.T) {
			unreadables(t, cloakroom.Options{}, func(t *testing.T, _ *site, tab *browser, alive func() bool) {
				before := tab.cookie
				w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { c.do(s) })
				if w.Code != c.status {
					t.Fatalf("status %d", w.Code)
				}
				if alive() != (c.status == 503) || (tab.cookie == before) != (c.status == 503) {
					t.Errorf("the record lives: %v, the cookie is kept: %v", alive(), tab.cookie == before)
				}
				if v := tab.value(a); v != c.after {
					t.Errorf("a=%q", v)
				}
			})
		})
	}
}

// TestUnreadableNotEnded: where the record cannot be ended, what asks for it fails, and
// the cookie stays.
func TestUnreadableNotEnded(t *testing.T) {
	for what, do := range map[string]func(*cloakroom.Session){
		"Logout": func(s *cloakroom.Session) { s.Logout() },
		"Login":  func(s *cloakroom.Session) { s.Login("ann") },
		"Clear":  func(s *cloakroom.Session) { s.Clear(); a.Set(s, "3") },
	} {
		t.Run(what, func(t *testing.T) {
			unreadables(t, cloakroom.Options{Timeout: 50 * time.Millisecond}, func(t *testing.T, s *site, tab *browser, alive func() bool) {
				s.store.intercept(func(op, _ string, do func() error) error {
					if op == "delete" {
						return errors.New("broken")
					}
					return do()
				})
				before := tab.cookie
				w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { do(s) })
				s.store.intercept(nil)
				if w.Code != 503 || len(w.Result().Cookies()) > 0 || tab.cookie != before || !alive() {
					t.Errorf("status %d, cookies %d, the record lives: %v", w.Code, len(w.Result().Cookies()), alive())
				}
			})
		})
	}
}

// TestBecomesUnreadable: a record that a commit finds unreadable takes no change, and a
// sign-in ends it.
func TestBecomesUnreadable(t *testing.T) {
	for what, c := range map[string]struct {
		do    func(*cloakroom.Session)
		ended bool
	}{
		"Set":   {func(s *cloakroom.Session) { a.Set(s, "2") }, false},
		"Login": {func(s *cloakroom.Session) { s.Login("ann") }, true},
		"Clear": {func(s *cloakroom.Session) { s.Clear() }, true},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.set(a, "1")
			before := tab.cookie
			other := tab.other()
			resume := tab.begin(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				_ = a.Get(s)
			}, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { c.do(s) })
			s.damage(other, []byte("garbage"))
			if w := resume(); w.Code != 200 || (tab.cookie != before) != c.ended {
				t.Errorf("status %d, another cookie: %v", w.Code, tab.cookie != before)
			}
			other.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				_, err := a.UpdateNow(s, func(string) string { return "3" })
				if gone := err == nil; gone != c.ended {
					t.Errorf("the record is gone: %v, %v", gone, err)
				}
			})
		})
	}
}
