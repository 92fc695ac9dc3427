package sql

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

const crowd = 100

// TestCrowd: of many calls at once, which PostgreSQL gets as few statements, each has
// the outcome that it would have alone.
func TestCrowd(t *testing.T) {
	p := servers.SharedPostgres(t)
	for _, parameters := range []string{"", "prepare=off", "prepare=off&default_query_exec_mode=exec", "prepare=off&default_query_exec_mode=simple_protocol",
		"layout=flask_postgres&zone=Asia/Kathmandu", "options=-c%20default_transaction_isolation=serializable", "prefix=a%22%5C%7B,b%27:"} {
		t.Run(parameters, func(t *testing.T) {
			s := open(t, p.URL(t), parameters)
			t.Run("each", func(t *testing.T) { everyone(t, s) })
			t.Run("one", func(t *testing.T) { oneWins(t, s) })
		})
	}
	t.Run("locked", func(t *testing.T) { locked(t, p) })
}

// together calls do from so many goroutines at once.
func together(n int, do func(i int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			do(i)
		})
	}
	close(begin)
	wg.Wait()
}

// everyone has a record of its own: of another size, some with quotes in their ids,
// some expired, some changed meanwhile, some not there.
func everyone(t *testing.T, s *sqlstore.Store) {
	ctx := t.Context()
	expires := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	id := func(i int) string { return fmt.Sprintf(`each "\%d`, i) }
	missing := func(i int) bool { return i%10 == 7 }
	changed := func(i int) bool { return i%10 == 3 }
	records := make([]store.Record, crowd)
	for i := range records {
		r := store.Record{Data: bytes.Repeat([]byte{byte(i), 0, '\\'}, i*i), Expires: expires}
		if !missing(i) {
			version, err := s.Create(ctx, id(i), r)
			if err != nil {
				t.Fatal(err)
			}
			r.Version = version
		}
		records[i] = r
	}
	for round := range 5 {
		for i := range records {
			if changed(i) {
				if err := s.Delete(ctx, id(i), store.Record{}); err != nil {
					t.Fatal(err)
				}
				create(t, s, id(i), fmt.Sprint("changed ", round), expires)
			}
		}
		together(crowd, func(i int) {
			owner := ""
			if i%2 == 0 {
				owner = strings.Repeat("0f", 32)
			}
			next := store.Record{Data: bytes.Repeat([]byte{byte(round), 0xff}, i*i), Expires: expires.Add(time.Duration(i) * time.Minute), Owner: owner}
			version, err := s.Replace(ctx, id(i), records[i], next)
			switch {
			case missing(i) && records[i].Version == "":
				wants(t, "replacing what is not there", err, cloakroom.ErrNotFound)
			case changed(i):
				wants(t, "replacing what was changed", err, cloakroom.ErrConflict)
			case err != nil:
				t.Errorf("replacing %d: %v", i, err)
			default:
				next.Version = version
				records[i] = next
			}
		})
		together(crowd, func(i int) {
			got, err := s.Load(ctx, id(i))
			switch {
			case missing(i):
				wants(t, "loading what is not there", err, cloakroom.ErrNotFound)
			case err != nil:
				t.Errorf("loading %d: %v", i, err)
			case changed(i):
			case !bytes.Equal(got.Data, records[i].Data) || got.Version != records[i].Version || !got.Expires.Equal(records[i].Expires):
				t.Errorf("round %d: record %d has %d bytes, expires %v; want %d, %v", round, i, len(got.Data), got.Expires, len(records[i].Data), records[i].Expires)
			}
		})
	}
	owned, _, err := s.Owned(ctx, strings.Repeat("0f", 32), "", 1000)
	if want := crowd / 2; err != nil || len(owned) != want {
		t.Errorf("%d records are listed by owner, %v; want %d", len(owned), err, want)
	}
}

// oneWins: of those who replace a record as they know it, one does: of two for each of
// many, and of all for one.
func oneWins(t *testing.T, s *sqlstore.Store) {
	ctx := t.Context()
	for _, n := range []int{crowd / 2, 1} {
		id := func(i int) string { return fmt.Sprint(n, " ", i%n) }
		records := make([]store.Record, n)
		for i := range records {
			records[i] = create(t, s, id(i), "0", time.Now().Add(time.Hour))
		}
		for round := range 10 {
			winners := make([]atomic.Pointer[store.Record], n)
			together(crowd, func(i int) {
				next := store.Record{Data: fmt.Append(nil, round, i), Expires: records[i%n].Expires}
				version, err := s.Replace(ctx, id(i), records[i%n], next)
				if err != nil {
					wants(t, "losing", err, cloakroom.ErrConflict)
					return
				}
				next.Version = version
				if winners[i%n].Swap(&next) != nil {
					t.Error("two replaced the same record")
				}
			})
			for i := range records {
				got, err := s.Load(ctx, id(i))
				if w := winners[i].Load(); err != nil || w == nil || got.Version != w.Version {
					t.Fatalf("the record is %q, %v; the winner wrote %v", got.Data, err, w)
				}
				records[i] = got
			}
		}
	}
}

// locked: a call that waits for a locked row holds up no other.
func locked(t *testing.T, p *servers.SQLServer) {
	rawURL := p.URL(t)
	s := open(t, rawURL)
	records := make([]store.Record, crowd)
	for i := range records {
		records[i] = create(t, s, fmt.Sprint(i), "before", time.Now().Add(time.Hour))
	}
	db, err := sql.Open("pgx", rawURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "UPDATE sessions SET expiry = expiry WHERE session_id IN ('session:40', 'session:80')"); err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{})
	// all that there is of it if the others wait too
	ctx, cancel := context.WithTimeout(t.Context(), servers.Patience)
	var left atomic.Int64
	left.Store(crowd - 2)
	go func() {
		<-free
		cancel() // those who wait for a lock give up when all others are done
	}()
	together(crowd, func(i int) {
		_, err := s.Replace(ctx, fmt.Sprint(i), records[i], store.Record{Data: []byte("after"), Expires: records[i].Expires})
		if i == 40 || i == 80 {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("replacing a locked row: %v, want that it waited", err)
			}
			return
		}
		if err != nil {
			t.Errorf("replacing %d: %v", i, err)
		}
		if left.Add(-1) == 0 {
			close(free)
		}
	})
}
