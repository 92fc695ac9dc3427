package sql

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

type callerKey struct{}

// TestTraceBatch: of many loads at once, those that share a statement of PostgreSQL are told to
// Options.TraceBatch, each with its context, and each statement's end is told.
func TestTraceBatch(t *testing.T) {
	p := servers.SharedPostgres(t)
	rawURL := p.URL(t)
	var shared, statements, ended, strangers atomic.Int64
	s, err := sqlstore.New(openDB(t, rawURL), sqlstore.Options{
		Dialect: sqlstore.Postgres,
		TraceBatch: func(
			ctx context.Context, callers []context.Context,
		) (context.Context, func()) {
			statements.Add(1)
			for _, c := range callers {
				shared.Add(1)
				if c.Value(callerKey{}) == nil {
					strangers.Add(1)
				}
			}
			return ctx, func() { ended.Add(1) }
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range crowd {
		create(t, s, fmt.Sprint(i), "data", time.Now().Add(time.Hour))
	}
	for range 50 {
		together(crowd, func(i int) {
			ctx := context.WithValue(t.Context(), callerKey{}, i)
			if r, err := s.Load(ctx, fmt.Sprint(i)); err != nil || string(r.Data) != "data" {
				t.Errorf("%q, %v", r.Data, err)
			}
		})
		if statements.Load() > 0 {
			break
		}
	}
	if n := statements.Load(); n == 0 || shared.Load() < 2*n || strangers.Load() > 0 {
		t.Errorf("%d statements of %d calls, %d of them unknown",
			n, shared.Load(), strangers.Load())
	}
	servers.Until(t, "the last statement ends", func() error {
		if ended.Load() != statements.Load() {
			return fmt.Errorf("%d of %d", ended.Load(), statements.Load())
		}
		return nil
	})
}
