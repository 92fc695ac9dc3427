package cloakroom_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestLateFirstTouch: a session first asked for after the header left can't hand out a ticket.
func TestLateFirstTouch(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	w := s.browser().do(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {})
	_ = w
	rec := newRecorder()
	var err error
	got := s.store.count(func() {
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			x := s.m.Get(r)
			a.Set(x, "1")
			err = x.Err()
		})).ServeHTTP(rec, s.browser().request())
	})
	if got["create"] != 0 || !errors.Is(err, cloakroom.ErrHeaderSent) {
		t.Errorf("calls %v err %v cookie %q log %q", got, err, rec.Result().Cookies(), s.log)
	}
}

// TestLateFirstTouchLogin: nor lose one.
func TestLateFirstTouchLogin(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	rec := newRecorder()
	var err error
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
		err = s.m.Get(r).Login("ann")
	})).ServeHTTP(rec, tab.request())
	if err == nil || tab.value(a) != "1" {
		t.Errorf("Login after header: %v; old ticket reads %q; cookies %v; log %q", err, tab.value(a), rec.Result().Cookies(), s.log)
	}
}

// TestAfterReturn: a session first asked for after the handler returned is finished.
func TestAfterReturn(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	var late *http.Request
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { late = r })).ServeHTTP(newRecorder(), tab.request())
	x := s.m.Get(late)
	a.Set(x, "late")
	if err := x.Save(); !errors.Is(err, cloakroom.ErrFinished) || tab.value(a) != "1" {
		t.Errorf("Save: %v, a=%q", err, tab.value(a))
	}
}

// TestErrAfterFinish: Err says so too.
func TestErrAfterFinish(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	var x *cloakroom.Session
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Get(s); x = s })
	a.Set(x, "late")
	if err := x.Err(); !errors.Is(err, cloakroom.ErrFinished) {
		t.Errorf("Err: %v", err)
	}
}

// TestTimeoutHandlerLateGet: nor can a handler that was given up on begin to use its session.
func TestTimeoutHandlerLateGet(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	gone, done := make(chan bool), make(chan error)
	h := s.m.Handler(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-gone
		_, err := a.UpdateNow(s.m.Get(r), shout)
		done <- err
	}), 10*time.Millisecond, "timeout"))
	w := newRecorder()
	h.ServeHTTP(w, tab.request())
	close(gone)
	if err := <-done; err == nil || tab.value(a) != "1" {
		t.Errorf("status %d; UpdateNow after the handler returned: %v, a=%q", w.Code, err, tab.value(a))
	}
}

// TestUpdateWhileHeader: an update that is still being computed when the header leaves
// comes too late.
func TestUpdateWhileHeader(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	got := s.store.count(func() {
		tab.do(func(w http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			in, out, done := make(chan bool), make(chan bool), make(chan bool)
			first := true
			go func() {
				a.Update(x, func(v string) string {
					if first {
						first = false
						close(in)
						<-out
					}
					return v + "!"
				})
				close(done)
			}()
			<-in
			io.WriteString(w, "x")
			close(out)
			<-done
		})
	})
	if got["create"] != 0 {
		t.Errorf("%v: a record that no cookie leads to; log %q", got, s.log)
	}
}

// TestFlushUnsupported: a flush that is not supported sends nothing.
func TestFlushUnsupported(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err == nil {
			t.Error("flushed?")
		}
		a.Set(s.m.Get(r), "1")
		io.WriteString(w, "stored")
	}))
	w := newRecorder()
	http.TimeoutHandler(h, time.Second, "").ServeHTTP(w, s.browser().request())
	h2 := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := s.m.Get(r)
		a.Get(x)
		http.NewResponseController(w).Flush()
		a.Set(x, "1")
		io.WriteString(w, "stored")
	}))
	w2 := newRecorder()
	http.TimeoutHandler(h2, time.Second, "").ServeHTTP(w2, s.browser().request())
	for _, w := range []interface{ Result() *http.Response }{w, w2} {
		if w.Result().StatusCode == 200 && len(w.Result().Cookies()) == 0 {
			t.Errorf("200 without cookie; log %s", s.log)
		}
	}
}

// TestHijackUnsupported: nor does such a hijack.
func TestHijackUnsupported(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 20 * time.Millisecond})
	tab := s.browser()
	tab.set(a, "1")
	w := tab.do(func(w http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		a.Get(x)
		if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
			t.Error("hijacked?")
		}
		a.Set(x, "2")
		s.store.intercept(func(string, string, func() error) error { return errLost })
		io.WriteString(w, "stored")
	})
	if w.Code == 200 {
		t.Errorf("200 %q though nothing was stored", w.Body)
	}
}

// TestLogoutPanic: a store that panics leaves no lock behind.
func TestLogoutPanic(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	s.store.intercept(func(string, string, func() error) error { panic("store") })
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Logout() })
	}()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Error("deadlock")
	}
}

// TestOpenAfterPanicInCommit: a panic in the commit finishes the session too.
func TestOpenAfterPanicInCommit(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	var x *cloakroom.Session
	func() {
		defer func() { recover() }()
		tab.do(func(_ http.ResponseWriter, _ *http.Request, y *cloakroom.Session) {
			x = y
			calls := 0
			a.Get(x)
			tab.other().set(b, "meanwhile")
			a.Update(x, func(v string) string {
				if calls++; calls == 2 {
					panic("second")
				}
				return "updated"
			})
		})
	}()
	if err := x.Save(); !errors.Is(err, cloakroom.ErrFinished) || tab.value(a) != "1" {
		t.Errorf("Save after the handler panicked: %v; a=%q", err, tab.value(a))
	}
}

// TestLogUsesSession: a logger may print the session.
func TestLogUsesSession(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	var x *cloakroom.Session
	tab := s.browser()
	tab.set(a, "1")
	m, err := cloakroom.New(s.store, cloakroom.Options{InsecureCookie: true, Now: s.clock.Now, Timeout: 20 * time.Millisecond, Logger: slog.New(sessLog{slog.DiscardHandler, &x})})
	if err != nil {
		t.Fatal(err)
	}
	tab.m = m
	s.clock.advance(10 * time.Minute)
	s.store.once("touch", notApplied)
	done := make(chan bool)
	go func() {
		defer close(done)
		tab.do(func(w http.ResponseWriter, _ *http.Request, y *cloakroom.Session) {
			x = y
			a.Get(y)
			io.WriteString(w, "x")
		})
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("deadlock")
	}
}

type sessLog struct {
	slog.Handler
	x **cloakroom.Session
}

func (l sessLog) Handle(ctx context.Context, r slog.Record) error {
	if *l.x != nil {
		_ = (*l.x).String()
	}
	return nil
}

func (l sessLog) Enabled(context.Context, slog.Level) bool { return true }

// TestRecoveredCommitPanic: a handler that recovers from a panic of its own commit does
// not send what was not committed.
func TestRecoveredCommitPanic(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	calls := 0
	w := tab.do(func(w http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		a.Get(x)
		tab.other().set(b, "meanwhile")
		a.Update(x, func(string) string {
			if calls++; calls == 2 {
				panic("second")
			}
			return "updated"
		})
		func() {
			defer func() { _ = recover() }()
			w.WriteHeader(http.StatusOK)
		}()
		io.WriteString(w, "stored")
	})
	if w.Code != http.StatusServiceUnavailable || tab.value(a) != "1" {
		t.Errorf("status %d, body %q, a=%q", w.Code, w.Body, tab.value(a))
	}
}

// TestOwnSessionAlone: a goroutine that goes on reading a session after its request reads that
// session or nothing, however many others are served meanwhile.
func TestOwnSessionAlone(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	var requests, readers sync.WaitGroup
	for i := range 8 {
		own := strconv.Itoa(i)
		tab := s.browser()
		tab.set(a, own)
		requests.Go(func() {
			for round := range 200 {
				tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
					if got := a.Get(x); got != own {
						t.Errorf("request %d of session %s reads %q", round, own, got)
					}
					readers.Go(func() {
						for {
							got, _, err := a.Lookup(x)
							if err != nil {
								if !errors.Is(err, cloakroom.ErrFinished) {
									t.Error(err)
								}
								return
							}
							if got != own {
								t.Errorf("after a request, session %s reads %q", own, got)
							}
						}
					})
					if round%3 == 0 {
						b.Set(x, own)
					}
				})
			}
		})
	}
	requests.Wait()
	readers.Wait()
}

// TestDroppedOnce: that changes were dropped is logged once, also where they were by
// the header's commit.
func TestDroppedOnce(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	other := tab.other()
	resume := tab.begin(getting(a), func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Update(s, func(string) string { return "2" })
		io.WriteString(w, "written")
		w.(http.Flusher).Flush()
	})
	other.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
	if w := resume(); w.Code != 200 || s.log.count("dropped") != 1 {
		t.Errorf("status %d\n%v", w.Code, s.log)
	}
}
