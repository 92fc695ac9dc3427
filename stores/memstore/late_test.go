package memstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
)

// held is a store whose loads take so long that a record expires meanwhile, which somebody else notices.
type held struct {
	*memstore.Store
	hold time.Duration
	seen error
}

func (h *held) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	time.Sleep(h.hold)
	_, h.seen = h.Store.Load(context.Background(), id)
	return h.Store.Load(ctx, id)
}

// TestGoneStaysGone: a record that one load found expired is found by no later one, also not by one that the core asked for before.
func TestGoneStaysGone(t *testing.T) {
	store := &held{Store: open(t, memstore.Options{SweepEvery: -1})}
	m, err := cloakroom.New(store, cloakroom.Options{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s := m.Open(t.Context(), "")
	cloakroom.Key[int]("count").Set(s, 1)
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	ticket := s.Cookie().Value
	s.Close()
	page, _, err := store.All(t.Context(), "", 1)
	if err != nil || len(page) != 1 {
		t.Fatal(page, err)
	}
	if err := store.Touch(t.Context(), page[0].ID, page[0].Record, time.Now().Add(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	store.hold = 40 * time.Millisecond
	s = m.Open(t.Context(), ticket)
	defer s.Close()
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(store.seen, cloakroom.ErrNotFound) || !s.IsNew() {
		t.Errorf("found gone: %v; found gone by who came later: %v", store.seen, s.IsNew())
	}
}
