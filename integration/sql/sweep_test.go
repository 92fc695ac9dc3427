package sql

import (
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// TestSweepTogether: several sweep one table at once, while sessions come and go. Every
// expired row is removed once.
func TestSweepTogether(t *testing.T) {
	onAll(t, func(t *testing.T, rawURL string) {
		s := open(t, rawURL)
		past, hour := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		const dead = 600
		for i := range dead {
			create(t, s, fmt.Sprint("dead", i), "data", past)
		}
		var removed atomic.Int64
		var wg sync.WaitGroup
		for i := range 4 {
			other := open(t, rawURL)
			wg.Go(func() {
				for cursor := ""; ; {
					n, next, err := other.Sweep(t.Context(), cursor, 25)
					if err != nil {
						t.Error(err)
						return
					}
					removed.Add(int64(n))
					if cursor = next; next == "" {
						return
					}
				}
			})
			wg.Go(func() {
				for j := range 50 {
					id := fmt.Sprint("live", i, "-", j)
					r := create(t, other, id, "data", hour)
					if j%2 == 0 {
						wants(t, "delete", other.Delete(t.Context(), id, r), nil)
					}
				}
			})
		}
		wg.Wait()
		n, _, err := s.Sweep(t.Context(), "", 1000) // what was locked when the last one looked
		if err != nil || removed.Add(int64(n)) != dead {
			t.Errorf("%d of %d removed, %v", removed.Load(), dead, err)
		}
		live := 0
		for cursor := ""; ; {
			page, next, err := s.All(t.Context(), cursor, 30)
			if err != nil {
				t.Fatal(err)
			}
			live += len(page)
			if cursor = next; next == "" {
				break
			}
		}
		if live != 100 {
			t.Errorf("%d live records, want 100", live)
		}
	})
}

// TestSweepInTheBackground: by the clock and by requests, and not after Close. Rows
// without an expiry have expired.
func TestSweepInTheBackground(t *testing.T) {
	for _, parameter := range []string{"sweep_interval=1s", "sweep_every=3"} {
		t.Run(parameter, func(t *testing.T) {
			rawURL := sqliteFile(t)
			s, other := open(t, rawURL, parameter), open(t, rawURL)
			for i := range 5 {
				create(t, other, fmt.Sprint(i), "data", time.Now().Add(-time.Hour))
			}
			db, err := sql.Open("sqlite", rawURL[len("sqlite://"):])
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "INSERT INTO sessions (session_id, data) VALUES ('session:never', 'data')"); err != nil {
				t.Fatal(err)
			}
			servers.Until(t, "all are swept", func() error {
				_, err := s.Load(t.Context(), "none")
				wants(t, "load", err, cloakroom.ErrNotFound)
				var n int
				if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sessions").Scan(&n); err != nil || n > 0 {
					return fmt.Errorf("%d rows, %v", n, err)
				}
				return nil
			})
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if _, err := s.Load(t.Context(), "none"); err == nil {
				t.Error("a load after Close succeeded")
			}
			wants(t, "closing again", s.Close(), nil)
		})
	}
}
