package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store"
)

// listener keeps the events that it is told.
type listener struct {
	mu     sync.Mutex
	events []event.Event
}

func (l *listener) hear(_ context.Context, e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// take returns the events since it was last called.
func (l *listener) take() []event.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// want compares the events since it was last called: kind, owner, reason, actor.
func (l *listener) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, e := range l.take() {
		text := e.Kind.String() + "/" + e.Owner
		if e.Reason != 0 {
			text += "/" + e.Reason.String() + "/" + e.Actor
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestEvents(t *testing.T) {
	var heard listener
	s := newSite(t, cloakroom.Options{Events: heard.hear})
	tab := s.browser()
	tab.do(nothing)
	tab.value(a)
	heard.want(t)
	tab.set(a, "1")
	tab.value(a)
	heard.want(t, "created/")
	tab.login("ann")
	e := heard.events[0]
	if e.Session != tab.id() || e.IP != "192.0.2.1" || e.Count != 1 || !e.Time.Equal(s.clock.Now()) {
		t.Errorf("%+v", e)
	}
	heard.want(t, "signed in/ann")

	old := tab.other()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Renew() })
	heard.want(t, "renewed/ann")
	old.value(a)
	heard.want(t, "dead ticket/")
	old.cookie = strings.Repeat("A", 43)
	old.value(a)
	heard.want(t, "dead ticket/")
	old.cookie = "malformed"
	old.value(a)
	heard.want(t)

	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Logout() })
	heard.want(t, "ended/ann/signed out/ann")
}

// TestEventsDropped: a request whose session ends under it tells that its changes were dropped.
func TestEventsDropped(t *testing.T) {
	var heard listener
	s := newSite(t, cloakroom.Options{Events: heard.hear})
	tab := s.browser()
	tab.login("ann")
	id := tab.id()
	heard.take()
	finish := tab.begin(setting(a, "1"), nothing)
	if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	heard.want(t, "ended/ann/revoked/")
	finish()
	if e := heard.events[0]; e.Session != id || !errors.Is(e.Err, cloakroom.ErrEnded) {
		t.Errorf("%+v", e)
	}
	heard.want(t, "changes dropped/")

	tab.login("ann")
	heard.take()
	open := s.m.Open(t.Context(), tab.cookie)
	defer open.Close()
	a.Set(open, "1")
	if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := open.Save(); !errors.Is(err, cloakroom.ErrEnded) {
			t.Error(err)
		}
	}
	if err := open.CommitHeader(nil, nil); err != nil {
		t.Error(err)
	}
	heard.want(t, "ended/ann/revoked/", "changes dropped/")

	tab.login("ann")
	now := s.m.Open(t.Context(), tab.cookie)
	defer now.Close()
	if err := now.Load(); err != nil {
		t.Error(err)
	}
	heard.take()
	if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	_, err := a.UpdateNow(now, shout)
	if !errors.Is(err, cloakroom.ErrEnded) {
		t.Error(err)
	}
	heard.want(t, "ended/ann/revoked/", "changes dropped/")
}

// TestEventsActor: an event names who had a session ended.
func TestEventsActor(t *testing.T) {
	var heard listener
	s := newSite(t, cloakroom.Options{Events: heard.hear})
	user, operator, other := s.browser(), s.browser(), s.browser()
	revoke := func(tab *browser, ctx func(context.Context) context.Context) {
		t.Helper()
		user.login("ann")
		heard.take()
		tab.do(func(_ http.ResponseWriter, r *http.Request, session *cloakroom.Session) {
			if tab != other {
				session.Owner()
			}
			if err := s.m.Revoke(ctx(r.Context()), "ann", user.id()); err != nil {
				t.Error(err)
			}
		})
	}
	same := func(ctx context.Context) context.Context { return ctx }
	operator.login("root")
	revoke(operator, same)
	heard.want(t, "ended/ann/revoked/root")
	revoke(other, same)
	heard.want(t, "ended/ann/revoked/")
	revoke(operator, func(ctx context.Context) context.Context { return event.WithActor(ctx, "job") })
	heard.want(t, "ended/ann/revoked/job")

	user.login("ann")
	s.browser().login("ann")
	heard.take()
	user.do(func(_ http.ResponseWriter, r *http.Request, session *cloakroom.Session) {
		if n, err := s.m.RevokeOthers(r.Context(), session); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	heard.want(t, "ended/ann/revoked/ann")

	h := s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = s.m.Get(r).Logout()
	}))
	r := user.request()
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(event.WithActor(r.Context(), "robot")))
	heard.want(t, "ended/ann/signed out/robot")
}

// TestEventsContext: the context that a listener gets has the values of the request's, and lives on
// when the client has hung up and the request is over.
func TestEventsContext(t *testing.T) {
	type key struct{}
	var heard []context.Context
	s := newSite(t, cloakroom.Options{Events: func(ctx context.Context, e event.Event) {
		heard = append(heard, ctx)
	}})
	tab := s.browser()
	tab.login("ann")
	s.damage(tab, []byte("garbage"))
	ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
	heard = nil
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		session := s.m.Get(r)
		_ = session.Load()
		hangUp()
		_ = session.Logout()
	})).ServeHTTP(httptest.NewRecorder(), tab.request().WithContext(ctx))
	if len(heard) != 2 {
		t.Fatalf("%d events", len(heard))
	}
	for _, ctx := range heard {
		if _, limited := ctx.Deadline(); limited || ctx.Err() != nil || ctx.Value(key{}) != "trace" {
			t.Errorf("%v, limited: %v", ctx.Err(), limited)
		}
	}
}

// TestEventsSeveral: of several cookies of one name, each session that a sign-in or a sign-out ends
// is told, and a ticket is dead only where none lives.
func TestEventsSeveral(t *testing.T) {
	var heard listener
	s := newSite(t, cloakroom.Options{Events: heard.hear})
	first, second := s.browser(), s.browser()
	first.login("ann")
	second.login("bob")
	heard.take()
	first.cookie = strings.Repeat("A", 43) + "; session=" + first.cookie + "; session=" + second.cookie
	first.value(a)
	heard.want(t)
	first.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Renew() })
	heard.want(t, "ended/bob/replaced/ann", "renewed/ann")
}

// TestEventsHoldNoTicket: nothing that a listener is told, printed in any way or logged, has a
// ticket or a value in it.
func TestEventsHoldNoTicket(t *testing.T) {
	var log strings.Builder
	write := event.Log(slog.New(slog.NewTextHandler(&log, nil)))
	s := newSite(t, cloakroom.Options{Events: func(ctx context.Context, e event.Event) {
		write(ctx, e)
		fmt.Fprintf(&log, "%v %+v %#v\n", e, e, e)
	}})
	tab := s.browser()
	secrets := []string{"umbrella"}
	note := func() { secrets = append(secrets, tab.cookie) }
	tab.set(a, "umbrella")
	note()
	tab.login("ann")
	note()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Renew() })
	note()
	s.damage(tab, []byte("umbrella"))
	tab.value(a)
	tab.login("ann")
	note()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Logout() })
	for _, kind := range []string{"created", "signed in", "renewed", "unreadable", "ended"} {
		if !strings.Contains(log.String(), `msg="session `+kind) && !strings.Contains(log.String(), kind) {
			t.Errorf("%s was not told", kind)
		}
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(log.String(), secret) {
			t.Error("an event holds a ticket or a value")
		}
	}
}

// TestEventsCostNothing: a listener costs no allocation where nothing happens.
func TestEventsCostNothing(t *testing.T) {
	allocations := func(options cloakroom.Options) float64 {
		s := newSite(t, options)
		tab := s.browser()
		tab.set(a, "1")
		r, w := tab.request(), newDiscard()
		h := s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = s.m.Get(r).Load()
		}))
		return testing.AllocsPerRun(100, func() {
			clear(w.header)
			h.ServeHTTP(w, r)
		})
	}
	without := allocations(cloakroom.Options{})
	with := allocations(cloakroom.Options{Events: func(context.Context, event.Event) {}})
	if with > without {
		t.Errorf("%v allocations with a listener, %v without", with, without)
	}
}

// TestEventsAfterTheStore: when an end is told, the store has no such session any more.
func TestEventsAfterTheStore(t *testing.T) {
	var s *site
	ended := 0
	s = newSite(t, cloakroom.Options{Events: func(ctx context.Context, e event.Event) {
		for entry, err := range s.m.Owned(context.WithoutCancel(ctx), "ann") {
			if err != nil || e.Kind == event.Ended && entry.ID == e.Session {
				t.Errorf("%v was told before it had happened: %v", e.Kind, err)
			}
		}
		if e.Kind == event.Ended {
			ended++
		}
	}})
	for range 3 {
		s.browser().login("ann")
	}
	if n, err := s.m.RevokeOwned(t.Context(), "ann"); n != 3 || err != nil || ended != 3 {
		t.Errorf("%d, %v, %d events", n, err, ended)
	}
	s.store.around = func(op, _ string, do func() error) error {
		if op == "delete" {
			return store.ErrRefused
		}
		return do()
	}
	s.browser().login("ann")
	if _, err := s.m.RevokeOwned(t.Context(), "ann"); err == nil || ended != 3 {
		t.Errorf("%v, %d events", err, ended)
	}
}
