package sqlstore

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A move changes the two rows in the order of their ids, so that two moves that cross do not wait
// for each other. After the first failure nothing more is written, and what was is rolled back.
func TestMove(t *testing.T) {
	expires := time.Now().Add(time.Hour)
	old := store.Record{Data: []byte("old"), Expires: expires, Version: version([]byte("old"))}
	seal := store.Record{Data: []byte("seal"), Expires: expires}
	next := store.Record{Data: []byte("next"), Expires: expires}
	for _, tt := range []struct {
		name, id, newID string
		replaced        int64
		sent            []string
		want            error
	}{
		{"upwards", "a", "b", 1, []string{"START", "UPDATE", "INSERT", "COMMIT"}, nil},
		{"downwards", "b", "a", 1, []string{"START", "INSERT", "UPDATE", "COMMIT"}, nil},
		{"upwards, not old", "a", "b", 0, []string{"START", "UPDATE", "ROLLBACK"}, store.ErrConflict},
		{"downwards, not old", "b", "a", 0, []string{"START", "INSERT", "UPDATE", "ROLLBACK"}, store.ErrConflict},
	} {
		f := &fakeDB{rows: row("other", expires), exec: func(text string) int64 {
			if strings.HasPrefix(text, "UPDATE") {
				return tt.replaced
			}
			return 1
		}}
		s := newFakeStore(t, f)
		if _, err := s.Move(t.Context(), tt.id, old, seal, tt.newID, next); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if !slices.Equal(f.sent, tt.sent) {
			t.Errorf("%s: sent %v, want %v", tt.name, f.sent, tt.sent)
			continue
		}
		for i, word := range f.sent {
			if word == "UPDATE" && !wrote(f.args[i], "seal") || word == "INSERT" && !wrote(f.args[i], "next") {
				t.Errorf("%s: %s has %v", tt.name, word, f.args[i])
			}
		}
	}
}
