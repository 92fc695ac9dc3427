package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

var (
	errFirst  = errors.New("the first failure")
	errSecond = errors.New("the second failure")
)

// TestConflict: what others commit meanwhile stays, and so does what this commit sets, also where
// its session had that value before.
func TestConflict(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"), set("b", "1"))
	there := r.other()
	theirs := there.load(st.ID)
	there.run(&theirs, set("a", "2"), set("c", "3"))
	if res := r.run(&st, set("a", "1"), remove("b")); !res.Written || res.Ticket != "" {
		t.Errorf("%+v", res)
	}
	for name, want := range map[string]string{"a": "1", "b": "", "c": "3"} {
		if got := r.text(st.ID, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	theirs = there.load(st.ID)
	there.run(&theirs, set("a", "2"))
	if r.run(&st, set("a", "1")); r.text(st.ID, "a") != "1" {
		t.Error("a value that is set once more does not go before another's")
	}
	calls := r.calls.since(func() {
		if res := r.run(&st, remove("b")); res != (Result{}) {
			t.Errorf("nothing changes: %+v", res)
		}
	})
	if calls != "" {
		t.Errorf("nothing changes: the store saw %s", calls)
	}
}

// TestEndedMeanwhile: a commit to a session that ended does not bring it back.
func TestEndedMeanwhile(t *testing.T) {
	end := func(r *rig, id string) func() {
		return func() { r.want(r.other().End(r.time(), id, nil, "", Cause{}), nil) }
	}
	t.Run("before the write", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		r.before(storetest.OpReplace, end(r, st.ID))
		if _, err := r.commit(st, set("a", "2")).Run(); err != ErrGone || !r.gone(st.ID) {
			t.Errorf("%v", err)
		}
	})
	t.Run("after a conflict", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrConflict))
		r.before(storetest.OpLoad, end(r, st.ID))
		c := r.commit(st, set("a", "2"))
		calls := r.calls.since(func() {
			if _, err := c.Run(); err != ErrGone || c.Uncertain() || c.Unreadable != "" {
				t.Errorf("%v, uncertain %v", err, c.Uncertain())
			}
		})
		if calls != "" {
			t.Errorf("then the store saw %s", calls)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrConflict))
		r.inject(storetest.OpLoad, storetest.Failed().Reporting(store.ErrUnreadable))
		c := r.commit(st, set("a", "2"))
		if _, err := c.Run(); err != ErrGone || c.Unreadable != st.ID {
			t.Errorf("%v, unreadable is %q", err, c.Unreadable)
		}
	})
	t.Run("sealed, before a retry", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		tries := 0
		c := r.commit(st, change(func(d *document.Draft) error {
			if tries++; d.At("a").Present() {
				return errFirst
			}
			return nil
		}))
		there := r.other()
		theirs := there.load(st.ID)
		there.run(&theirs, renew())
		if _, err := c.Run(); err != ErrGone || tries != 1 || !r.gone(st.ID) {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}

// TestRefresh: an operation that fails on what is out of date is tried again on what is there, and
// its error stands where it fails there too.
func TestRefresh(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	takes := func(want string) document.Operation {
		return change(func(d *document.Draft) error {
			if got, _ := document.Decode[string](d.At("a"), "a"); got != want {
				return fmt.Errorf("%w: %s", errFirst, got)
			}
			d.Remove("a")
			return nil
		})
	}
	_, err := r.commit(st, takes("2")).Run()
	if r.want(err, errFirst); strings.Contains(err.Error(), "2") {
		t.Error(err)
	}
	there := r.other()
	theirs := there.load(st.ID)
	there.run(&theirs, set("a", "2"))
	stale := st
	r.run(&st, takes("2"))
	if got := r.text(st.ID, "a"); got != "" {
		t.Errorf("a is %q", got)
	}
	_, err = r.commit(stale, takes("3")).Run()
	if r.want(err, errFirst); strings.HasSuffix(err.Error(), "1") {
		t.Errorf("it goes by what is out of date: %v", err)
	}
}

// TestMustAsks: a commit that must be exact finds out whether it is up to date, where it changes
// nothing.
func TestMustAsks(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	there := r.other()
	theirs := there.load(st.ID)
	there.run(&theirs, set("a", "2"))
	one := func(d *document.Draft) error {
		value, err := document.Encode(d.Format(), "a", "1")
		d.Set("a", value)
		return err
	}
	r.run(&st, change(one))
	if got := r.text(st.ID, "a"); got != "1" {
		t.Errorf("a is %q", got)
	}
}

// TestBounds: what is over the bounds is refused, unless it was stored under higher ones and does
// not grow.
func TestBounds(t *testing.T) {
	long := strings.Repeat("x", 1000)
	r := newRig(t)
	st := r.begin(set("a", long), set("b", "1"), set("c", "1"))
	low := r.other(func(c *Config) { c.MaxBytes, c.MaxValues = 500, 100 })
	few := r.other(func(c *Config) { c.MaxValues = 2 })
	for name, c := range map[string]*Commit{
		"a longer value":  low.commit(st, set("b", "22")),
		"one more value":  low.commit(st, set("d", "")),
		"one more of few": few.commit(st, set("d", ""), set("a", "")),
		"new, too long":   low.commit(low.NewState(), set("a", long)),
		"new, too many":   few.commit(few.NewState(), set("a", ""), set("b", ""), set("c", "")),
	} {
		if _, err := c.Run(); !errors.Is(err, store.ErrTooLarge) || c.Uncertain() {
			t.Errorf("%s: %v", name, err)
		}
	}
	low.run(&st, set("b", "2"))
	low.run(&st, remove("c"))
	few.run(&st, set("a", strings.Repeat("y", 900)))
	if r.text(st.ID, "b") != "2" || r.text(st.ID, "c") != "" {
		t.Error("what does not grow is not stored")
	}
}
