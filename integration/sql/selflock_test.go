package sql

import (
	"database/sql"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/visitor"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestHandlersOwnTransaction: a handler that holds the write lock of the sessions'
// SQLite file, or the only connection, while it answers waits for itself. The request
// fails cleanly when its time is up, and the log says what to look for. One that ends
// its transaction first, or saves the session first, is served.
func TestHandlersOwnTransaction(t *testing.T) {
	for conns, more := range map[int]string{1: "", 4: "", 5: "&_pragma=busy_timeout(3000)"} {
		db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/app.db?"+sqlstore.SQLitePragmas("sqlite")+more)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		db.SetMaxOpenConns(conns)
		execute(t, db, "CREATE TABLE orders (x)")
		store := newStore(t, db, sqlstore.Options{Dialect: sqlstore.SQLite})
		wants(t, "make the table", store.CreateTable(t.Context()), nil)
		log := &lines{}
		m, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true, Logger: slog.New(slog.NewTextHandler(log, nil)), Timeout: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(handler func(w http.ResponseWriter, s *cloakroom.Session, order func() *sql.Tx)) int {
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				handler(w, m.Get(r), func() *sql.Tx {
					tx, err := db.BeginTx(r.Context(), nil)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := tx.ExecContext(r.Context(), "INSERT INTO orders VALUES (1)"); err != nil {
						t.Error(err)
					}
					return tx
				})
			})).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			return w.Code
		}
		count := func(n int) int { return n + 1 }
		status := ask(func(w http.ResponseWriter, s *cloakroom.Session, order func() *sql.Tx) {
			visitor.Visits.Update(s, count)
			tx := order()
			defer tx.Rollback()
			_, _ = w.Write([]byte("ordered"))
			_ = tx.Commit()
		})
		if status != http.StatusServiceUnavailable || !strings.Contains(log.String(), "hold a transaction") {
			t.Errorf("%d connections: status %d, log:\n%s", conns, status, log)
		}
		status = ask(func(w http.ResponseWriter, s *cloakroom.Session, order func() *sql.Tx) {
			visitor.Visits.Update(s, count)
			wants(t, "commit first", order().Commit(), nil)
			_, _ = w.Write([]byte("ordered"))
		})
		if status != http.StatusOK {
			t.Errorf("%d connections, committed first: status %d", conns, status)
		}
		status = ask(func(w http.ResponseWriter, s *cloakroom.Session, order func() *sql.Tx) {
			visitor.Visits.Update(s, count)
			wants(t, "save first", s.Save(), nil)
			tx := order()
			_, _ = w.Write([]byte("ordered"))
			wants(t, "commit", tx.Commit(), nil)
		})
		if status != http.StatusOK {
			t.Errorf("%d connections, saved first: status %d", conns, status)
		}
	}
}
