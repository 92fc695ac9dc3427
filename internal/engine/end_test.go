package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// ends ends the session stored under an id, and fails the test unless it becomes of it what is
// wanted.
func (r *rig) ends(id string, known *State, nextOwner string, want ending) {
	r.t.Helper()
	if how, err := r.endInTurn(r.time(), id, known, nextOwner, Cause{}); err != nil || how != want {
		r.t.Errorf("%v, %v, want %v", how, err, want)
	}
}

// TestEnd: what is there ends, whatever it is and whatever was known of it.
func TestEnd(t *testing.T) {
	r := newRig(t)
	stale := r.begin(set("a", "1"))
	st := stale
	r.run(&st, set("a", "2"))
	r.ends(stale.ID, &stale, "", endedLive)
	if !r.gone(st.ID) || r.mem.Len() != 0 {
		t.Error("it lives on")
	}
	r.ends(st.ID, &st, "", endedNothing)
	r.ends(st.ID, nil, "", endedNothing)
	st = r.begin(set("a", "1"))
	r.ends(st.ID, nil, "", endedLive)
	r.ends(r.garbage(""), nil, "", endedLive)
	st = r.begin(set("a", "1"))
	r.inject(storetest.OpLoad, storetest.Failed().Reporting(store.ErrUnreadable))
	r.ends(st.ID, nil, "", endedLive)
	if r.mem.Len() != 0 {
		t.Errorf("%d records are left", r.mem.Len())
	}
}

// TestEndFails: ending is tried again after a failure, not after a refusal, and the error is the
// first one.
func TestEndFails(t *testing.T) {
	r := newRig(t)
	for _, op := range []storetest.Op{storetest.OpLoad, storetest.OpDelete} {
		st := r.begin(set("a", "1"))
		r.inject(op, storetest.Failed(), storetest.Failed())
		r.ends(st.ID, nil, "", endedLive)
		st = r.begin(set("a", "1"))
		r.inject(op, storetest.Failed().Reporting(store.ErrRefused))
		if _, err := r.endInTurn(r.time(), st.ID, nil, "", Cause{}); !errors.Is(err, store.ErrRefused) ||
			r.gone(st.ID) {
			t.Errorf("%s refused: %v", op, err)
		}
		first := storetest.Failed().Reporting(errFirst)
		r.inject(op, first, storetest.Failed().Reporting(store.ErrFull))
		if _, err := r.endInTurn(r.time(), st.ID, nil, "", Cause{}); !errors.Is(err, errFirst) ||
			r.gone(st.ID) {
			t.Errorf("%s: %v", op, err)
		}
	}
	st := r.begin(set("a", "1"))
	r.inject(storetest.OpDelete, storetest.Lost())
	r.ends(st.ID, &st, "", endedLive) // none but this process tried to
	if !r.gone(st.ID) {
		t.Error("it lives on")
	}
	st = r.begin(set("a", "1"))
	r.before(storetest.OpDelete, func() { r.other().ends(st.ID, nil, "", endedLive) })
	r.ends(st.ID, &st, "", endedNothing) // it was another that ended it
}

// TestEndFollowsSeals: a session ends by its former ids, over any number of moves, and not where it
// is another owner's by now.
func TestEndFollowsSeals(t *testing.T) {
	eachMover(t, func(t *testing.T, r *rig, _ storetest.Op) {
		st := r.signedIn("alice")
		first := st.ID
		r.run(&st, renew())
		second := st
		r.run(&st, renew())
		for _, owner := range []string{r.digest("bob"), "-"} {
			r.ends(first, nil, owner, endedNothing)
		}
		if r.gone(st.ID) {
			t.Fatal("the session of another owner has ended")
		}
		r.ends(first, nil, r.digest("alice"), endedLive)
		if !r.gone(st.ID) || r.live() != 0 {
			t.Error("it lives on")
		}
		if _, err := r.commit(st, set("a", "1")).Run(); err != ErrGone {
			t.Errorf("a commit that was under way: %v", err)
		}
		r.ends(second.ID, &second, "", endedNothing)
		r.ends(st.ID, nil, "", endedNothing)
	})
}

// TestEndBeforeItBegins: a session that a seal names and that is not there yet will not begin.
func TestEndBeforeItBegins(t *testing.T) {
	r := newRig(t, moveless)
	st := r.begin(set("a", "1"))
	r.inject(storetest.OpCreate, storetest.Later())
	c := r.commit(st, renew())
	if _, err := c.Run(); !errors.Is(err, ErrUnknownOutcome) {
		t.Fatal(err)
	}
	r.ends(st.ID, nil, "", endedBefore)
	if errs := r.faulty.Release(); len(errs) != 1 || !errors.Is(errs[0], store.ErrExists) {
		t.Errorf("then it is created: %v", errs)
	}
	tomb := r.load(c.next.ID)
	if !tomb.Doc.Sealed() || tomb.Record.Owner != "" ||
		!tomb.Record.Expires.Equal(r.Now().Add(store.IndexGrace)) {
		t.Errorf("the tombstone: %+v", tomb)
	}
	r.clock.advance(store.IndexGrace)
	if n, err := r.Sweep(t.Context()); err != nil || r.mem.Len() != 0 {
		t.Errorf("%d swept, %v; %d are left", n, err, r.mem.Len())
	}
}

// TestEndSealed: the session that a seal names ends by a seal, through failures, and where the
// store takes none, by its deletion and that of the seal that names it.
func TestEndSealed(t *testing.T) {
	moved := func(r *rig) (former, st State) {
		st = r.begin(set("a", "1"))
		former = st
		r.run(&st, r.login("alice"))
		return former, st
	}
	t.Run("sealed", func(t *testing.T) {
		r := newRig(t)
		former, st := moved(r)
		r.inject(storetest.OpReplace, storetest.Failed())
		r.ends(former.ID, nil, "", endedLive)
		if !r.gone(st.ID) || r.mem.Len() != 2 {
			t.Errorf("%d records", r.mem.Len())
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		r := newRig(t)
		former, st := moved(r)
		unreadable := storetest.Failed().Reporting(store.ErrUnreadable)
		r.inject(storetest.OpLoad, storetest.Fault{}, unreadable)
		r.ends(former.ID, nil, "", endedBefore)
		if !r.gone(st.ID) {
			t.Error("it lives on")
		}
	})
	t.Run("garbage", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Format = document.JSON })
		former, st := moved(r)
		rec := st.Record
		rec.Data = []byte("garbage")
		_, err := r.mem.Replace(t.Context(), st.ID, st.Record, rec)
		r.want(err, nil)
		r.ends(former.ID, nil, "", endedLive)
		if !r.gone(st.ID) {
			t.Error("it lives on")
		}
		if seal := r.load(st.ID); seal.Doc.Format() != document.JSON ||
			!seal.Doc.Created().Equal(r.Now()) {
			t.Errorf("the seal is %v, of %v", seal.Doc.Format(), seal.Doc.Created())
		}
	})
	t.Run("full", func(t *testing.T) {
		for log, fault := range map[string]storetest.Fault{
			"": {}, "seal not deleted": storetest.Failed().Reporting(errFirst),
		} {
			r := newRig(t)
			former, st := moved(r)
			r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrFull))
			r.inject(storetest.OpDelete, storetest.Fault{}, fault)
			r.ends(former.ID, nil, "", endedLive)
			if !r.gone(st.ID) || !r.gone(former.ID) || r.mem.Len() != strings.Count(log, "seal") {
				t.Errorf("%d records", r.mem.Len())
			}
			if got := r.log.String(); !strings.Contains(got, log) || (got == "") != (log == "") {
				t.Errorf("log: %s", got)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		r := newRig(t)
		former, st := moved(r)
		refused := storetest.Failed().Reporting(store.ErrRefused)
		r.inject(storetest.OpReplace, refused)
		r.inject(storetest.OpDelete, refused)
		if _, err := r.endInTurn(r.time(), former.ID, nil, "", Cause{}); !errors.Is(err, store.ErrRefused) ||
			r.gone(st.ID) {
			t.Errorf("%v", err)
		}
	})
}

// TestEndEndsInTime: where the store is down, ending fails when its time is up.
func TestEndEndsInTime(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	r.faulty.Decide = func(storetest.Op, string) storetest.Fault { return storetest.Failed() }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	limit := r.Limit(ctx, false)
	defer limit.Release()
	if _, err := r.endInTurn(limit, st.ID, nil, "", Cause{}); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("%v", err)
	}
	if _, _, err := r.endSealed(limit, st.ID); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("%v", err)
	}
}

// TestEndWaits: a commit of the session that is under way in this process comes to its end first,
// and what was known of the session before is not asked for.
func TestEndWaits(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	until := make(chan struct{})
	r.inject(storetest.OpReplace, storetest.Slow(until))
	committed, ended := make(chan error), make(chan error, 1)
	go func() {
		_, err := r.commit(st, set("a", "2")).Run()
		committed <- err
	}()
	for r.faulty.Left() > 0 {
		time.Sleep(time.Millisecond)
	}
	var how ending
	calls := r.calls.since(func() {
		go func() {
			var err error
			how, err = r.endInTurn(r.time(), st.ID, &st, "", Cause{})
			ended <- err
		}()
		waitInLine(t)
		close(until)
		if err := <-committed; err != nil {
			t.Errorf("the commit under way: %v", err)
		}
		if err := <-ended; err != nil || how != endedLive || !r.gone(st.ID) {
			t.Errorf("%v, %v", how, err)
		}
	})
	if calls != "load delete load" { // the last one is this test's
		t.Errorf("the store saw %s", calls)
	}
}
