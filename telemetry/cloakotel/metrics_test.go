package cloakotel_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestMetrics: operations and calls are counted by what came of them.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		ticket, _ := s.do("", set("red"))
		s.do(ticket, read)
		s.faulty.Inject(storetest.OpReplace,
			storetest.Failed().Reporting(store.ErrConflict), storetest.Lost())
		s.do(ticket, set("blue"))
		s.faulty.Inject(storetest.OpReplace, slices.Repeat([]storetest.Fault{storetest.Failed()}, 300)...)
		s.faulty.Inject(storetest.OpLoad, storetest.Fault{}, // the request's own
			storetest.Failed().Reporting(store.ErrRefused))
		if _, status := s.do(ticket, set("green")); status != 503 {
			t.Error(status)
		}
		operations, unit := s.metric("cloakroom.operation.duration")
		if unit != "s" || operations["load ok"] != 3 || operations["commit ok"] != 2 ||
			operations["commit unknown_outcome"] != 1 || len(operations) != 3 {
			t.Errorf("operations in %s: %v", unit, operations)
		}
		calls, unit := s.metric("cloakroom.store.call.duration")
		if unit != "s" || calls["ok create"] != 1 || calls["conflict replace"] != 1 ||
			calls["other replace"] < 2 || calls["refused load"] != 1 || len(calls) != 5 {
			t.Errorf("calls in %s: %v", unit, calls)
		}
		retries, unit := s.metric("cloakroom.commit.retries")
		if unit != "{retry}" || retries[""] < 1 || len(retries) != 1 {
			t.Errorf("retries in %s: %v", unit, retries)
		}
		s.wantMetric("cloakroom.commit.unknown_outcomes", "{commit}", map[string]int64{"": 1})
	})
}

// TestRetries: each time that a commit makes its record anew is a retry.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		ticket, _ := s.do("", set("red"))
		conflict := storetest.Failed().Reporting(store.ErrConflict)
		s.faulty.Inject(storetest.OpReplace, conflict, conflict, conflict)
		s.do(ticket, set("blue"))
		s.wantMetric("cloakroom.commit.retries", "{retry}", map[string]int64{"": 3})
	})
}

// TestEvents: sessions that begin and end are counted, ends by their reason.
func TestEvents(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	first, _ := s.do("", login("ann"))
	second, _ := s.do(first, login("ann"))
	s.do(first, read)
	second, _ = s.do(second, func(session *cloakroom.Session) { _ = session.Renew() })
	s.do(second, func(session *cloakroom.Session) {
		set("blue")(session)
		if _, err := s.sessions.RevokeOwned(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
		read(session)
	})
	third, _ := s.do("", login("bob"))
	s.do(third, func(session *cloakroom.Session) { _ = session.Logout() })
	for range 3 {
		s.do("", set("red"))
	}
	s.pass(24 * time.Hour)
	if n, err := s.sessions.Sweep(t.Context()); n < 3 || err != nil {
		t.Errorf("swept %d: %v", n, err)
	}
	s.wantMetric("cloakroom.sessions.created", "{session}", map[string]int64{"": 5})
	s.wantMetric("cloakroom.sessions.signed_in", "{session}", map[string]int64{"": 3})
	s.wantMetric("cloakroom.sessions.renewed", "{session}", map[string]int64{"": 1})
	s.wantMetric("cloakroom.tickets.dead", "{request}", map[string]int64{"": 1})
	ended, unit := s.metric("cloakroom.sessions.ended")
	if unit != "{session}" || ended["signed_out"] != 1 || ended["revoked"] != 1 || len(ended) != 2 {
		t.Errorf("ended in %s: %v", unit, ended)
	}
	if swept, unit := s.metric("cloakroom.records.swept"); unit != "{record}" || swept[""] < 3 {
		t.Errorf("swept in %s: %v", unit, swept)
	}
}

// TestDropped: changes that were not stored, since the session had ended, are counted.
func TestDropped(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	ticket, _ := s.do("", login("ann"))
	s.do(ticket, func(session *cloakroom.Session) {
		read(session)
		set("blue")(session)
		if _, err := s.sessions.RevokeOwned(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
	})
	s.wantMetric("cloakroom.changes.dropped", "{request}", map[string]int64{"": 1})
	spans := s.take()
	if len(spans) == 0 || spans[len(spans)-1].Name != "cloakroom.commit" {
		t.Errorf("%v", spans)
	}
	operations, _ := s.metric("cloakroom.operation.duration")
	if operations["commit ended"] != 1 {
		t.Errorf("%v", operations)
	}
}

// TestUnreadable: a record that cannot be read is counted.
func TestUnreadable(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	ticket, _ := s.do("", set("red"))
	s.faulty.Inject(storetest.OpLoad, storetest.Failed().Reporting(store.ErrUnreadable))
	s.take()
	s.do(ticket, read)
	s.wantMetric("cloakroom.records.unreadable", "{record}", map[string]int64{"": 1})
	s.wantSpans("cloakroom.load unreadable Error")
}

// TestZero: what has not happened yet is a counter at zero, so that the first is not missed.
func TestZero(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	want := []string{
		"cloakroom.changes.dropped", "cloakroom.commit.retries", "cloakroom.commit.unknown_outcomes",
		"cloakroom.records.swept", "cloakroom.records.unreadable", "cloakroom.sessions.created", "cloakroom.sessions.ended",
		"cloakroom.sessions.renewed", "cloakroom.sessions.signed_in", "cloakroom.tickets.dead",
	}
	got := s.names()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestUnknownEvents: kinds and reasons of a later version do no harm.
func TestUnknownEvents(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	hear := s.sessions.Options().Events
	hear(t.Context(), event.Event{Kind: 200, Count: 1})
	hear(t.Context(), event.Event{Kind: event.Ended, Reason: 200, Count: 2})
	s.wantMetric("cloakroom.sessions.ended", "{session}", map[string]int64{"unknown": 2})
	tracer := s.sessions.Options().Tracer
	tracer.End(tracer.Begin(t.Context(), 200), 200, event.Outcome{Err: errors.New("no")})
	s.wantSpans("cloakroom.unknown other Error")
	s.wantMetric("cloakroom.operation.duration", "s", map[string]int64{"unknown other": 1})
}
