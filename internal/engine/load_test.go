package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestLoad: a live session is loaded, and nothing is left of any other one.
func TestLoad(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Lifetime = testAnonymous + testAnonymous/2 })
	st := r.begin(set("a", "1"))
	if got := r.load(st.ID); got.ID != st.ID || !got.Stored() || got.Due ||
		!got.Record.Deadline.Equal(st.Record.Deadline) {
		t.Errorf("%+v", got)
	}
	refused := func(name, id string, want error) {
		t.Helper()
		var got State
		err := r.Load(t.Context(), id, &got, r.Now())
		if !errors.Is(err, want) || got.Stored() || got.ID != "" || got.Doc.Len() != 0 {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	refused("none", "none", store.ErrNotFound)
	r.inject(storetest.OpLoad, storetest.Failed())
	refused("failed", st.ID, storetest.ErrInjected)
	r.clock.advance(testAnonymous - time.Second)
	r.want(r.Touch(t.Context(), &st), nil)
	r.clock.advance(testAnonymous/2 + time.Second)
	refused("past its deadline", st.ID, store.ErrNotFound)
	var got State
	if err := r.Load(t.Context(), st.ID, &got, st.Record.Deadline.Add(-1000)); err != nil {
		t.Errorf("just before: %v", err)
	}
	if err := r.Load(t.Context(), st.ID, &got, st.Record.Expires); err != store.ErrNotFound {
		t.Errorf("expired as of the caller's clock: %v", err)
	}
}

// TestUnreadable: what cannot be read is logged once, by its public id.
func TestUnreadable(t *testing.T) {
	r := newRig(t)
	id, other := r.garbage(""), r.garbage("")
	for range 3 {
		var st State
		if err := r.Load(t.Context(), id, &st, r.Now()); err != store.ErrUnreadable || st.Stored() {
			t.Errorf("%v", err)
		}
		damaged := errors.Join(store.ErrUnreadable, errors.New("file "+other))
		r.inject(storetest.OpLoad, storetest.Failed().Reporting(damaged))
		if err := r.Load(t.Context(), other, &st, r.Now()); err != store.ErrUnreadable ||
			st.Stored() {
			t.Errorf("%v", err)
		}
	}
	log := r.log.String()
	for _, id := range []string{id, other} {
		if strings.Count(log, "session="+ticket.PublicID(id)) != 1 || strings.Contains(log, id) {
			t.Errorf("log: %s", log)
		}
	}
	if strings.Contains(log, "garbage") || strings.Count(log, "level=ERROR") != 2 {
		t.Errorf("log: %s", log)
	}
}

// TestBelongsTo: an owner is the whole name, and no owner is not the empty one.
func TestBelongsTo(t *testing.T) {
	r := newRig(t)
	anonymous, owned := r.NewState(), r.signedIn("alice")
	for _, owner := range []string{"alice", "al", "alice2", ""} {
		if got := owned.belongsTo(owner); got != (owner == "alice") {
			t.Errorf("%q: %v", owner, got)
		}
	}
	if anonymous.belongsTo("") {
		t.Error("an anonymous session has an owner")
	}
}
