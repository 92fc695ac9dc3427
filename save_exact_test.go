package cloakroom_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestUnchangedStale: a change that seems to change nothing, on a record that has moved
// on, is not lost.
func TestUnchangedStale(t *testing.T) {
	for name, h := range map[string]func(*cloakroom.Session) error{
		"apply": func(x *cloakroom.Session) error {
			v, err := a.UpdateNow(x, func(string) string { return "5" })
			_ = v
			return err
		},
		"transact": func(x *cloakroom.Session) error {
			return x.Transact(func(tx *cloakroom.Tx) error { a.Set(tx, "5"); return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.set(a, "0")
			tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
				if err := h(x); err != nil {
					t.Error(err)
				}
				tab.other().set(a, "0")
				if err := h(x); err != nil { // begun after the set to 0 was answered
					t.Error(err)
				}
			})
			if v := tab.value(a); v != "5" {
				t.Errorf("a=%q: committed 5 was not stored", v)
			}
		})
	}
	t.Run("clear", func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.login("ann")
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			x.Owner()
			tab.other().set(a, "1")
			x.Clear()
		})
		if v := tab.value(a); v != "" {
			t.Errorf("a=%q after Clear", v)
		}
	})
	t.Run("delete", func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.login("ann")
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			x.Owner()
			tab.other().set(a, "1")
			a.Delete(x)
			b.Set(x, "1")
		})
		if v := tab.value(a); v != "" {
			t.Errorf("a=%q after Delete", v)
		}
	})
}

// TestTurnTimeout: many commits of one request wait for each other without running out
// of time.
func TestTurnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, cloakroom.Options{Timeout: 100 * time.Millisecond})
		tab := s.browser()
		tab.set(a, "1")
		s.store.intercept(func(op, _ string, do func() error) error {
			if op == "replace" {
				time.Sleep(10 * time.Millisecond)
			}
			return do()
		})
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			errs := make(chan error)
			for range 30 {
				go func() { _, err := count.UpdateNow(x, func(n int) int { return n + 1 }); errs <- err }()
			}
			bad := 0
			var last error
			for range 30 {
				if err := <-errs; err != nil {
					bad++
					last = err
				}
			}
			if bad > 0 {
				t.Errorf("%d of 30 failed: %v", bad, last)
			}
		})
	})
}

// TestRebaseLock: an update may run again while others use the session.
func TestRebaseLock(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	done := make(chan bool)
	go func() {
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			calls := 0
			a.Update(x, func(v string) string {
				calls++
				if calls > 1 {
					x.Owner()
				}
				return v + "!"
			})
			x.Reload()
		})
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Error("deadlock")
	}
}

// TestOtherFormat: a value goes into a record of the other format exactly, or not at all.
func TestOtherFormat(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(b, "1")
	slow := tab.other()
	slow.m = s.manager(cloakroom.Options{Format: cloakroom.JSON})
	w := slow.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		b.Get(x)
		tab.other().do(func(_ http.ResponseWriter, _ *http.Request, y *cloakroom.Session) { y.Logout() })
		x.Login("ann")
		a.Set(x, "x\xffy")
	})
	if v := slow.value(a); w.Code == 200 && v != "x\xffy" {
		t.Errorf("stored %q", v)
	}
}

// TestDecodeErrorData: no error shows stored data.
func TestDecodeErrorData(t *testing.T) {
	for _, f := range []cloakroom.Format{cloakroom.JSON, cloakroom.MessagePack} {
		s := newSite(t, cloakroom.Options{Format: f})
		tab := s.browser()
		tab.set(a, "hunter2")
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			cloakroom.Key[time.Time]("a").Get(x)
			_, _, err := cloakroom.Key[addr]("a").Lookup(x)
			t.Log(err)
			cloakroom.Key[addr]("a").Get(x)
		})
		if s.log.count("hunter2") > 0 {
			t.Errorf("%v: %s", f, s.log)
		}
	}
}

// TestPersistentLost: Options.Persistent holds for every new session.
func TestPersistentLost(t *testing.T) {
	t.Run("other owner", func(t *testing.T) {
		s := newSite(t, cloakroom.Options{Persistent: true})
		tab := s.browser()
		tab.login("ann")
		w := tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Login("bob") })
		if w.Result().Cookies()[0].Expires.IsZero() {
			t.Error("no Expires")
		}
	})
	t.Run("ended", func(t *testing.T) {
		s := newSite(t, cloakroom.Options{Persistent: true})
		tab := s.browser()
		tab.set(a, "1")
		w := tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			a.Get(x)
			tab.other().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Logout() })
			x.Login("bob")
		})
		if w.Result().Cookies()[0].Expires.IsZero() {
			t.Error("no Expires")
		}
	})
}

type addr struct{ s string }

func (x *addr) UnmarshalText(p []byte) error { return errors.New("bad addr " + string(p)) }

func (x addr) MarshalText() ([]byte, error) { return []byte(x.s), nil }

// TestGrow: what we note ourselves does not count against the limit.
func TestGrow(t *testing.T) {
	s := newSite(t, cloakroom.Options{MaxBytes: 1024})
	tab := s.browser()
	n := 1000
	for ; ; n-- {
		if w := tab.do(setting(a, strings.Repeat("x", n))); w.Code == 200 {
			break
		}
	}
	for i := range 16 {
		if w := tab.do(setting(a, strings.Repeat("y", n-1))); w.Code != 200 {
			t.Fatalf("a smaller value refused at commit %d", i+2)
		}
	}
}

// TestLifetime100: every Lifetime that New accepts works.
func TestLifetime100(t *testing.T) {
	s := newSite(t, cloakroom.Options{Lifetime: 100 * 365 * 24 * time.Hour})
	tab := s.browser()
	tab.set(a, "1")
	if v := tab.value(a); v != "1" {
		t.Errorf("%q %s", v, s.log)
	}
}
