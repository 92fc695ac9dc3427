package memstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// held is a store whose loads and replacements take so long that a record expires
// meanwhile, which another call notices.
type held struct {
	*memstore.Store
	notice func(id string) (gone bool)
	gone   bool
}

func (h *held) wait(id string) {
	if h.notice != nil {
		time.Sleep(40 * time.Millisecond)
		h.gone = h.notice(id)
	}
}

func (h *held) Load(ctx context.Context, id string) (store.Record, error) {
	h.wait(id)
	return h.Store.Load(ctx, id)
}

func (h *held) Replace(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
	h.wait(id)
	return h.Store.Replace(ctx, id, old, next)
}

// TestGoneStaysGone: a record that one call found expired is found by no later call,
// also not by a load or a commit that the core began before.
func TestGoneStaysGone(t *testing.T) {
	const count = cloakroom.Key[int]("count")
	ctx := t.Context()
	for _, write := range []bool{false, true} {
		for _, by := range []string{"load", "owned", "all"} {
			st := &held{Store: open(t, memstore.Options{SweepEvery: -1})}
			m, err := cloakroom.New(st, cloakroom.Options{Timeout: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			s := m.Open(ctx, "")
			count.Set(s, 1)
			if err := errors.Join(s.Login("ann"), s.Save()); err != nil {
				t.Fatal(err)
			}
			ticket := s.Cookie().Value
			s.Close()
			page, _, err := st.All(ctx, "", 1)
			if err != nil || len(page) != 1 {
				t.Fatal(page, err)
			}
			record := page[0].Record
			s = m.Open(ctx, ticket)
			defer s.Close()
			if write {
				if err := s.Load(); err != nil {
					t.Fatal(err)
				}
			}
			if err := st.Touch(ctx, page[0].ID, record, time.Now().Add(20*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			st.notice = func(id string) bool {
				switch by {
				case "owned":
					page, _, err := st.Owned(ctx, record.Owner, "", 1)
					return err == nil && (len(page) == 0 || page[0].Record.Version == "")
				case "all":
					page, _, err := st.All(ctx, "", 1)
					return err == nil && len(page) == 0
				}
				_, err := st.Store.Load(ctx, id)
				return errors.Is(err, store.ErrNotFound)
			}
			if write {
				count.Set(s, 2)
				if err := s.Save(); !errors.Is(err, cloakroom.ErrEnded) {
					t.Errorf("saving what %s found gone: %v", by, err)
				}
			} else if err := s.Load(); err != nil || !s.IsNew() {
				t.Errorf("loading what %s found gone: found %v, %v", by, !s.IsNew(), err)
			}
			if !st.gone {
				t.Errorf("%s found it in between", by)
			}
		}
	}
}
