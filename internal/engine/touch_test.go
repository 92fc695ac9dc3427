package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestDue: the use of a session is noted once per tenth of its idle timeout, and where its expiry
// is further away than it can be.
func TestDue(t *testing.T) {
	const idle = 100 * time.Second
	for left, want := range map[time.Duration]bool{
		idle: false, 91 * time.Second: false, 90 * time.Second: true,
		1: true, 0: true, -time.Second: true,
		109 * time.Second: false, 110 * time.Second: true, 1000 * time.Second: true,
	} {
		if got := due(left, idle); got != want {
			t.Errorf("%v left: %v", left, got)
		}
	}
	r := newRig(t)
	anonymous, owned := r.begin(set("a", "1")), r.signedIn("alice")
	r.clock.advance(testAnonymous * 95 / 1000)
	if st := r.load(anonymous.ID); st.Due {
		t.Error("a use is due before a tenth of the timeout")
	}
	r.clock.advance(testAnonymous * 5 / 1000)
	for name, test := range map[string]struct {
		st   State
		want bool
	}{"anonymous": {anonymous, true}, "owned": {owned, false}} {
		st := r.load(test.st.ID)
		if r.DueAt(r.Now(), &test.st) != test.want || st.Due != test.want {
			t.Errorf("%s: at the time %v, when loaded %v", name, r.DueAt(r.Now(), &test.st), st.Due)
		}
	}
	slow := r.other(func(c *Config) { c.Policy.SlidesOnRead = false })
	if st := slow.load(anonymous.ID); st.Due {
		t.Error("a use is due where no use slides the timeout")
	}
}

// TestBetween: the short way to a duration is exact, and the long one takes over where it is not.
func TestBetween(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 999_999_999, time.UTC)
	for _, d := range []time.Duration{
		0, 1, -1, time.Second, time.Hour + 7, -time.Hour - 7, 1e18 - 1, 1e18, -1e18, 9e18, -9e18,
	} {
		if got := between(at, at.Add(d)); got != d {
			t.Errorf("%v, want %v", got, d)
		}
	}
	if got := between(at, time.Time{}); got >= 0 {
		t.Errorf("the zero time is %v later", got)
	}
}

// TestTouch: a touch slides the idle timeout of the session, of its owner's length, and changes
// nothing else.
func TestTouch(t *testing.T) {
	r := newRig(t)
	for _, st := range []State{r.begin(set("a", "1")), r.signedIn("alice")} {
		r.clock.advance(time.Minute)
		before := st.Record.Version
		r.want(r.Touch(t.Context(), &st), nil)
		want := r.Now().Add(r.Idle(st.Doc.Owner()))
		if got := r.load(st.ID).Record; !got.Expires.Equal(want) ||
			!st.Record.Expires.Equal(want) || got.Version != before {
			t.Errorf("it expires at %v, not %v", got.Expires, want)
		}
	}
}

// TestTouchOfEnded: a session that is no more cannot be touched, and other failures say what was
// done.
func TestTouchOfEnded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Lifetime = testAnonymous / 2 })
	st := r.begin(set("a", "1"))
	before := st.Record.Expires
	r.inject(storetest.OpTouch, storetest.Failed())
	err := r.Touch(t.Context(), &st)
	if r.want(err, storetest.ErrInjected); errors.Is(err, ErrEnded) ||
		!st.Record.Expires.Equal(before) {
		t.Errorf("%v", err)
	}
	r.inject(storetest.OpTouch, storetest.Failed().Reporting(store.ErrNotFound))
	r.want(r.Touch(t.Context(), &st), ErrEnded)
	r.clock.advance(testAnonymous / 2)
	calls := r.calls.since(func() { r.want(r.Touch(t.Context(), &st), ErrEnded) })
	if calls != "" {
		t.Errorf("after the deadline the store saw %s", calls)
	}
}

// TestExpires: a change slides the timeout when a use would, a move always, and every change where
// the policy says so.
func TestExpires(t *testing.T) {
	r := newRig(t)
	every := r.other(func(c *Config) { c.Policy.SlidesOnWrite = true })
	st := r.begin(set("a", "1"))
	begun := st.Record.Expires
	r.clock.advance(testAnonymous/10 - time.Second)
	if r.run(&st, set("a", "2")); !st.Record.Expires.Equal(begun) ||
		!r.load(st.ID).Record.Expires.Equal(begun) {
		t.Errorf("it slides to %v", st.Record.Expires)
	}
	r.clock.advance(time.Second)
	if r.run(&st, set("a", "3")); !st.Record.Expires.Equal(r.Now().Add(testAnonymous)) {
		t.Errorf("it does not slide: %v", st.Record.Expires)
	}
	r.clock.advance(time.Second)
	if every.run(&st, set("a", "4")); !st.Record.Expires.Equal(r.Now().Add(testAnonymous)) {
		t.Errorf("where every change slides it: %v", st.Record.Expires)
	}
	r.clock.advance(time.Second)
	if r.run(&st, renew()); !st.Record.Expires.Equal(r.Now().Add(testAnonymous)) {
		t.Errorf("a move: %v", st.Record.Expires)
	}
}
