package memstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Ids of any bytes and length are told apart, also those that the core never makes.
func TestIDs(t *testing.T) {
	long := strings.Repeat("x", 63)
	ids := []string{
		"", "a", "aa", "a\x00", "\x00", "\x00a", "\x00\x00", "a\x00b",
		long, long + "x", long + "\x00", long + "xx", long + "x\x00", strings.Repeat("y", 255),
	}
	slices.Sort(ids)
	s := open(t, memstore.Options{})
	ctx, expires := t.Context(), time.Now().Add(time.Hour)
	for round := range 2 { // the second one takes places that the first one left
		for _, id := range ids {
			if _, err := s.Create(ctx, id, store.Record{Data: []byte(id), Expires: expires}); err != nil {
				t.Fatalf("round %d: create %q: %v", round, id, err)
			}
		}
		for _, id := range ids {
			if r, err := s.Load(ctx, id); err != nil || string(r.Data) != id {
				t.Errorf("round %d: load %q: %q, %v", round, id, r.Data, err)
			}
		}
		page, _, err := s.All(ctx, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		var listed []string
		for _, e := range page {
			listed = append(listed, e.ID)
		}
		if slices.Sort(listed); !slices.Equal(listed, ids) {
			t.Errorf("round %d: listed %q, want %q", round, listed, ids)
		}
		for _, id := range ids {
			if err := s.Delete(ctx, id, store.Record{}); err != nil {
				t.Errorf("round %d: delete %q: %v", round, id, err)
			}
		}
		if s.Len() != 0 || s.Bytes() != 0 {
			t.Errorf("round %d: %d records of %d bytes are left", round, s.Len(), s.Bytes())
		}
	}
}
