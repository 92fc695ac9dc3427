package memstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
)

// held is a store whose loads and replacements take so long that a record expires meanwhile, which somebody else notices.
type held struct {
	*memstore.Store
	hold time.Duration
	seen error
}

func (h *held) wait(id string) {
	if h.hold > 0 {
		time.Sleep(h.hold)
		_, h.seen = h.Store.Load(context.Background(), id)
	}
}

func (h *held) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	h.wait(id)
	return h.Store.Load(ctx, id)
}

func (h *held) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	h.wait(id)
	return h.Store.Replace(ctx, id, old, new)
}

// TestGoneStaysGone: a record that one load found expired is found by nobody later, also not by a load or a commit that the core
// began before.
func TestGoneStaysGone(t *testing.T) {
	const count = cloakroom.Key[int]("count")
	for _, write := range []bool{false, true} {
		store := &held{Store: open(t, memstore.Options{SweepEvery: -1})}
		m, err := cloakroom.New(store, cloakroom.Options{Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		s := m.Open(t.Context(), "")
		count.Set(s, 1)
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
		ticket := s.Cookie().Value
		s.Close()
		page, _, err := store.All(t.Context(), "", 1)
		if err != nil || len(page) != 1 {
			t.Fatal(page, err)
		}
		s = m.Open(t.Context(), ticket)
		defer s.Close()
		if write {
			if err := s.Load(); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Touch(t.Context(), page[0].ID, page[0].Record, time.Now().Add(20*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		store.hold = 40 * time.Millisecond
		if write {
			count.Set(s, 2)
			if err := s.Save(); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("saving what is gone: %v", err)
			}
		} else if err := s.Load(); err != nil || !s.IsNew() {
			t.Errorf("found by who came later: %v, %v", !s.IsNew(), err)
		}
		if !errors.Is(store.seen, cloakroom.ErrNotFound) {
			t.Errorf("found gone in between: %v", store.seen)
		}
	}
}
