package sqlstore

import (
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// MySQL counts no row that already was as it is to be. Only if old was that too, to the byte and
// the expiry, has a replacement that changed no row succeeded.
func TestReplaceThatChangedNoRow(t *testing.T) {
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	for _, tt := range []struct {
		name string
		old  string
		rows [][]driver.Value
		want error
	}{
		{"old is next", "next", row("next", expires), nil},
		{"another wrote next", "old", row("next", expires), store.ErrConflict},
		{"another wrote", "old", row("other", expires), store.ErrConflict},
		{"another touched", "next", row("next", expires.Add(time.Second)), store.ErrConflict},
		{"it is gone", "old", nil, store.ErrNotFound},
	} {
		s := newFakeStore(t, &fakeDB{rows: tt.rows, exec: func(string) int64 { return 0 }})
		old := store.Record{Data: []byte(tt.old), Expires: expires, Version: version([]byte(tt.old))}
		next := store.Record{Data: []byte("next"), Expires: expires}
		if _, err := s.Replace(t.Context(), "id", old, next); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A record that is given by its version alone is looked up, and must be of that version.
func TestVersionWithoutData(t *testing.T) {
	expires := time.Now().Add(time.Hour)
	next := store.Record{Data: []byte("next"), Expires: expires}
	for name, write := range map[string]func(*Store, store.Record) error{
		"replace": func(s *Store, old store.Record) error {
			_, err := s.Replace(t.Context(), "id", old, next)
			return err
		},
		"delete": func(s *Store, old store.Record) error { return s.Delete(t.Context(), "id", old) },
		"move": func(s *Store, old store.Record) error {
			_, err := s.Move(t.Context(), "id", old, next, "new", next)
			return err
		},
	} {
		for there, want := range map[string]error{"old": nil, "other": store.ErrConflict} {
			f := &fakeDB{rows: row(there, expires), exec: func(string) int64 { return 1 }}
			err := write(newFakeStore(t, f), store.Record{Version: version([]byte("old"))})
			if !errors.Is(err, want) || want != nil && len(f.sent) > 0 {
				t.Errorf("%s of old where %s is: %v, %v was sent", name, there, err, f.sent)
			}
		}
	}
}

// A column keeps an expiry no later than it is, and as exactly as it can.
func TestExpiry(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.FixedZone("", 3600))
	for step, want := range map[time.Duration]string{
		time.Microsecond: "2026-01-02 02:04:05.678901",
		time.Second:      "2026-01-02 02:04:05.000000",
	} {
		q := &queries{shape: shape{step: step}}
		if got := stamp(q.expiry(at)); got != want {
			t.Errorf("by %v: %s, want %s", step, got, want)
		}
		if whole := at.Truncate(step); !q.expiry(whole).Equal(whole) {
			t.Errorf("by %v: %v changes", step, whole)
		}
	}
}
