package engine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// target returns an engine on another empty store, to copy to.
func (r *rig) target() *rig {
	r.t.Helper()
	mem, err := memstore.New(memstore.Options{Now: r.clock.Now, SweepEvery: -1})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { mem.Close() })
	return rigOn(r.t, mem, mem, r.clock)
}

// copies copies all sessions and returns what became of each, by its public id.
func (r *rig) copies(to *rig, leave bool) map[string]Copied {
	r.t.Helper()
	all := map[string]Copied{}
	for c, err := range r.CopyTo(r.t.Context(), terse{to.faulty}, leave) {
		if err != nil {
			r.t.Fatal(err)
		}
		all[c.ID] = c
	}
	return all
}

// copied fails the test unless the only session is copied as it is wanted.
func (r *rig) copied(to *rig, leave bool, written bool, want error) {
	r.t.Helper()
	all := r.copies(to, leave)
	if len(all) != 1 {
		r.t.Fatalf("%d are copied", len(all))
	}
	for _, c := range all {
		if c.Written != written || c.Former || !errors.Is(c.Err, want) ||
			(c.Err == nil) != (want == nil) {
			r.t.Errorf("%+v, want written %v, %v", c, written, want)
		}
	}
}

// TestCopy: live sessions are copied as they are, and again when they have changed, and neither
// seals nor what has ended is told of.
func TestCopy(t *testing.T) {
	r := newRig(t)
	to := r.target()
	ended := r.begin(set("a", "1"))
	r.clock.advance(testAnonymous)
	st, alice := r.begin(set("a", "1")), r.signedIn("alice")
	former := alice.ID
	r.run(&alice, renew())
	all := r.copies(to, false)
	for _, id := range []string{st.ID, alice.ID} {
		if c := all[ticket.PublicID(id)]; !c.Written || c.Err != nil || c.Foreign || c.Former {
			t.Errorf("%+v", c)
		}
	}
	if len(all) != 2 || !to.gone(ended.ID) || !to.gone(former) || to.live() != 2 ||
		to.mem.Len() != 3 {
		t.Errorf("%d told of, %d live, %d records", len(all), to.live(), to.mem.Len())
	}
	to.revokes("alice", "", 1) // the index came along
	for id, c := range r.copies(to, false) {
		if c.Written || c.Err != nil {
			t.Errorf("the second time: %s %+v", id, c)
		}
	}
	r.run(&st, set("a", "2"))
	if c := r.copies(to, false)[ticket.PublicID(st.ID)]; !c.Written || to.text(st.ID, "a") != "2" {
		t.Errorf("a change: %+v", c)
	}
	r.clock.advance(testAnonymous / 2)
	r.want(r.Touch(t.Context(), &st), nil)
	if c := r.copies(to, false)[ticket.PublicID(st.ID)]; c.Written ||
		!to.load(st.ID).Record.Expires.Equal(st.Record.Expires) {
		t.Errorf("a touch: %+v", c)
	}
}

// TestCopyStates: a target that has gone on by itself is left as it is.
func TestCopyStates(t *testing.T) {
	both := func(t *testing.T) (r, to *rig, st State) {
		r = newRig(t)
		to = r.target()
		st = r.begin(set("a", "1"))
		r.copied(to, false, true, nil)
		return r, to, st
	}
	t.Run("the target is later", func(t *testing.T) {
		r, to, st := both(t)
		theirs := to.load(st.ID)
		to.run(&theirs, set("a", "2"))
		r.copied(to, false, false, nil)
		if to.text(st.ID, "a") != "2" {
			t.Error("it is overwritten")
		}
	})
	t.Run("both went on", func(t *testing.T) {
		r, to, st := both(t)
		theirs := to.load(st.ID)
		to.run(&theirs, set("a", "2"))
		r.run(&st, set("a", "3"))
		r.copied(to, false, false, errDiverged)
		if to.text(st.ID, "a") != "2" {
			t.Error("it is overwritten")
		}
	})
	t.Run("ended there", func(t *testing.T) {
		r, to, st := both(t)
		theirs := to.load(st.ID)
		to.run(&theirs, renew())
		r.copied(to, false, false, nil)
		if !to.gone(st.ID) {
			t.Error("it is back")
		}
	})
	t.Run("ended here", func(t *testing.T) {
		r, to, st := both(t)
		id := st.ID
		r.run(&st, renew())
		r.copies(to, false)
		if !to.gone(id) || to.live() != 1 {
			t.Errorf("%d live", to.live())
		}
	})
	t.Run("unreadable there", func(t *testing.T) {
		r := newRig(t)
		to := r.target()
		st := r.begin(set("a", "1"))
		rec := st.Record
		rec.Data = []byte("garbage")
		_, err := to.mem.Create(t.Context(), st.ID, rec)
		r.want(err, nil)
		r.copied(to, false, false, errDiverged)
		id := st.ID
		r.run(&st, renew())
		if c := r.copies(to, false)[ticket.PublicID(id)]; !errors.Is(c.Err, errDiverged) {
			t.Errorf("ended here: %+v", c)
		}
	})
	t.Run("unreadable here", func(t *testing.T) {
		r := newRig(t)
		id := ticket.PublicID(r.garbage(""))
		r.copied(r.target(), false, false, errNoRecord)
		c := r.copies(r.target(), false)[id]
		if !strings.HasPrefix(c.Err.Error(), errNoRecord.Error()) {
			t.Errorf("the error begins with its cause: %v", c.Err)
		}
	})
	t.Run("another's id", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		if _, err := r.mem.Create(t.Context(), "another", st.Record); err != nil {
			t.Fatal(err)
		}
		to := r.target()
		if c := r.copies(to, false)[ticket.PublicID("another")]; !c.Foreign || c.Written ||
			c.Err != nil || to.live() != 1 {
			t.Errorf("%+v, %d live", c, to.live())
		}
	})
	t.Run("over", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Lifetime = testAnonymous / 2 })
		r.begin(set("a", "1"))
		r.clock.advance(testAnonymous / 2)
		if to := r.target(); len(r.copies(to, false)) != 0 || to.mem.Len() != 0 {
			t.Error("a session past its deadline is copied")
		}
	})
}

// TestCopyFails: a copy goes on after failures, tells truly what it wrote, and names no id.
func TestCopyFails(t *testing.T) {
	for name, fault := range map[string]storetest.Fault{
		"lost": storetest.Lost(), "failed": storetest.Failed(), "later": storetest.LaterAfter(1),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			to := r.target()
			st := r.begin(set("a", "1"))
			to.inject(storetest.OpCreate, fault)
			r.copied(to, false, true, nil)
			r.run(&st, set("a", "2"))
			to.inject(storetest.OpReplace, fault)
			r.copied(to, false, true, nil)
			if to.text(st.ID, "a") != "2" {
				t.Error("it is not copied")
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		r := newRig(t)
		to := r.target()
		st := r.begin(set("a", "1"))
		full := storetest.Failed().Reporting(errors.Join(store.ErrFull, errors.New("key "+st.ID)))
		to.inject(storetest.OpCreate, full)
		for _, c := range r.copies(to, false) {
			if c.Written || !errors.Is(c.Err, store.ErrFull) ||
				strings.Contains(c.Err.Error(), st.ID) {
				t.Errorf("%+v", c)
			}
		}
		to.inject(storetest.OpCreate, storetest.Failed())
		to.inject(storetest.OpLoad, full)
		r.copied(to, false, false, store.ErrFull)
		r.copied(to, false, true, nil)
		r.run(&st, set("a", "2"))
		to.inject(storetest.OpReplace, full)
		r.copied(to, false, false, store.ErrFull)
		to.inject(storetest.OpReplace, storetest.Failed())
		to.inject(storetest.OpLoad, storetest.Failed())
		r.copied(to, false, true, nil)
	})
	t.Run("listing", func(t *testing.T) {
		r := newRig(t)
		r.inject(storetest.OpAll, storetest.Failed())
		for _, err := range r.CopyTo(t.Context(), r.target().mem, false) {
			r.want(err, storetest.ErrInjected)
		}
		for range 3 {
			r.begin(set("a", "1"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		to, n := r.target(), 0
		for _, err := range r.CopyTo(ctx, to.mem, false) {
			if n++; err != nil {
				r.want(err, context.Canceled)
			}
			cancel()
		}
		if n != 2 || to.live() != 1 {
			t.Errorf("%d steps, %d live", n, to.live())
		}
		for range r.CopyTo(t.Context(), to.mem, false) {
			break
		}
	})
}

// TestCopyLeaves: sessions that leave the other library become Cloakroom's own: by their ticket's
// digest, in their owner's index, with an end.
func TestCopyLeaves(t *testing.T) {
	r := newRig(t, shared)
	to := r.target()
	st := r.signedIn("alice")
	id := ticket.Digest("", r.config.Policy.Spell(st.ID))
	all := r.copies(to, true)
	if c := all[ticket.PublicID(id)]; len(all) != 1 || !c.Written || c.Former || c.Err != nil {
		t.Fatalf("%+v", all)
	}
	left := to.load(id)
	if !left.belongsTo("alice") || !left.Record.Deadline.Equal(st.Record.Deadline) {
		t.Errorf("%+v", left)
	}
	if c := r.copies(to, true)[ticket.PublicID(id)]; c.Written || c.Err != nil {
		t.Errorf("once more: %+v", c)
	}
	r.run(&st, set("a", "1"))
	if c := r.copies(to, true)[ticket.PublicID(id)]; !c.Written || to.text(id, "a") != "1" {
		t.Errorf("a change: %+v", c)
	}
	theirs := to.load(id)
	to.run(&theirs, set("b", "1"))
	if c := r.copies(to, true)[ticket.PublicID(id)]; c.Written || c.Err != nil ||
		to.text(id, "b") != "1" {
		t.Errorf("the target went on: %+v", c)
	}
	to.revokes("alice", "", 1)
}

// TestCopyLeavesWithAnEnd: a record that the other library wrote has no end, and gets one, no later
// than a new session's. One that has no ticket of ours, or a key that is no string, stays.
func TestCopyLeavesWithAnEnd(t *testing.T) {
	r := newRig(t, shared)
	long := r.other(shared, func(c *Config) { c.Lifetime = 10 * testLifetime })
	st := long.begin(set("a", "1"))
	to := r.target()
	r.copied(to, true, true, nil)
	id := ticket.Digest("", r.config.Policy.Spell(st.ID))
	want := r.Now().Add(testLifetime)
	rec := to.load(id)
	if !rec.Record.Deadline.Equal(want) || !rec.Doc.Deadline().Equal(want) {
		t.Errorf("it ends at %v, not %v", rec.Record.Deadline, want)
	}
	seen := &creates{FullStore: to.mem}
	for range r.CopyTo(t.Context(), seen, true) {
	}
	if len(seen.records) != 1 || !seen.records[0].Deadline.Equal(want) {
		t.Errorf("the store is told otherwise: %v", seen.records)
	}

	for name, test := range map[string]struct {
		id   string
		data []byte
		want error
	}{
		"signed": {sharedPrefix + "ticket.signature", nil, errNotTicket},
		"odd":    {sharedPrefix + ticket.New(), []byte("\x81\x01\x02"), errOddKey},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, shared)
			rec := st.Record
			if test.data != nil {
				rec.Data = test.data
			}
			_, err := r.mem.Create(t.Context(), test.id, rec)
			r.want(err, nil)
			r.copied(r.target(), true, false, test.want)
		})
	}
	former := newRig(t, shared)
	uuid := "7a52cbf2-3c0e-4a0c-9c28-6a5b2f4a0001"
	_, err := former.mem.Create(t.Context(), sharedPrefix+uuid, st.Record)
	former.want(err, nil)
	to = former.target()
	for _, c := range former.copies(to, true) {
		if !c.Former || !c.Written || to.text(ticket.Digest("", uuid), "a") != "1" {
			t.Errorf("%+v", c)
		}
	}
}

// creates notes the records that a store is to create.
type creates struct {
	store.FullStore
	records []store.Record
}

func (c *creates) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	c.records = append(c.records, r)
	return c.FullStore.Create(ctx, id, r)
}

// replaces notes the records that a store is to replace.
type replaces struct {
	store.FullStore
	olds []store.Record
}

func (s *replaces) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	s.olds = append(s.olds, old)
	return s.FullStore.Replace(ctx, id, old, next)
}

// TestCopyTellsOwner: where a target leaves out a record's owner and deadline, it is told them when
// the record is replaced, to find the way to its index.
func TestCopyTellsOwner(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		leave  bool
	}{
		"as they are": {func(*Config) {}, false}, "leaving": {shared, true},
	} {
		r := newRig(t, test.change)
		to := r.target()
		st := r.signedIn("alice")
		r.copied(to, test.leave, true, nil)
		r.run(&st, set("a", "1"))
		seen := &replaces{FullStore: terse{to.mem}}
		for _, err := range r.CopyTo(t.Context(), seen, test.leave) {
			r.want(err, nil)
		}
		if len(seen.olds) != 1 || seen.olds[0].Owner != ticket.Digest("", "alice") ||
			!seen.olds[0].Deadline.Equal(st.Record.Deadline) {
			t.Errorf("%s: %+v", name, seen.olds)
		}
	}
}

// TestSupersedes: which of two states is the later one, their commits tell.
func TestSupersedes(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	first := st.Doc
	r.run(&st, set("a", "2"))
	second := st.Doc
	other := r.begin(set("a", "1"))
	seal := first.Seal(r.Now(), "", "")
	for name, test := range map[string]struct {
		source, target *document.Document
		want           bool
		err            error
	}{
		"later":         {&second, &first, true, nil},
		"earlier":       {&first, &second, false, nil},
		"others":        {&first, &other.Doc, false, errDiverged},
		"ended there":   {&second, &seal, false, nil},
		"ended here":    {&seal, &second, true, nil},
		"ended in both": {&seal, &seal, false, nil},
	} {
		if got, err := supersedes(test.source, test.target); got != test.want || err != test.err {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if again := leaving("a"); again != leaving("a") || again == leaving("b") {
		t.Error("the commit that leaves is not the session's")
	}
	same := second
	if !sameLeft(&first, &first) || sameLeft(&first, &second) || !sameLeft(&same, &second) ||
		bytes.Equal(first.NewestCommit(), second.NewestCommit()) {
		t.Error("two states are taken for one")
	}
}
