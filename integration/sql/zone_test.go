package sql

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// The zones are 23 hours apart. PostgreSQL's Etc/GMT-12 is twelve hours ahead of UTC.
const (
	east = "Etc/GMT-12"
	west = "Etc/GMT+11"
)

// apart runs the contract with two stores whose connections are in two zones.
func apart(t *testing.T, a, b func(testing.TB) store.Store) {
	t.Helper()
	t.Run("contract", func(t *testing.T) {
		storetest.Run(t, storetest.Config{Abilities: all, Open: a, Peer: b})
	})
}

func TestZonesPostgres(t *testing.T) {
	p := servers.SharedPostgres(t)
	for _, layout := range []string{"layout=sqlalchemy", "layout=flask_postgres&zone=Asia/Tokyo", "layout=flask_postgres&zone=UTC"} {
		t.Run(layout, func(t *testing.T) {
			rawURL := p.URL(t)
			in := func(zone string) func(testing.TB) store.Store {
				return func(t testing.TB) store.Store { return open(t, rawURL, layout, "timezone="+url.QueryEscape(zone)) }
			}
			apart(t, in(east), in(west))
		})
	}
}

func TestZonesMariaDB(t *testing.T) {
	m := servers.SharedMariaDB(t)
	for _, parameters := range []string{"", "&parseTime=true&loc=America%2FNew_York", "&interpolateParams=true&parseTime=true"} {
		t.Run(parameters, func(t *testing.T) {
			_, name, _ := strings.Cut(m.URL(t), m.Addr)
			in := func(zone string) func(testing.TB) store.Store {
				return func(t testing.TB) store.Store {
					db, err := sql.Open("mysql", "root@tcp("+m.Addr+")"+name+"?time_zone="+url.QueryEscape("'"+zone+"'")+parameters)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { db.Close() })
					s := newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL})
					if err := s.CreateTable(t.Context()); err != nil {
						t.Fatal(err)
					}
					return s
				}
			}
			apart(t, in("+12:00"), in("-11:00"))
		})
	}
}

// TestZoneOfFlask: rows as Flask-Session's store for PostgreSQL writes and reads them,
// which is in its connections' zone.
func TestZoneOfFlask(t *testing.T) {
	p := servers.SharedPostgres(t)
	rawURL := p.URL(t)
	db, err := sql.Open("pgx", rawURL+"?timezone=Asia%2FTokyo")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE flask_sessions (session_id VARCHAR(255) NOT NULL PRIMARY KEY, created TIMESTAMP WITHOUT TIME ZONE DEFAULT (NOW() AT TIME ZONE 'utc')," +
			" data BYTEA, expiry TIMESTAMP WITHOUT TIME ZONE)",
		"INSERT INTO flask_sessions (session_id, data, expiry) VALUES ('session:a', 'data', NOW() + INTERVAL '1 hour'), ('session:b', 'data', NOW() - INTERVAL '1 second')",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, rawURL, "layout=flask_postgres&zone=Asia%2FTokyo&timezone="+url.QueryEscape(west))
	r, err := s.Load(t.Context(), "a")
	if err != nil || time.Until(r.Expires) > time.Hour || time.Until(r.Expires) < 50*time.Minute {
		t.Fatalf("until %v, %v", r.Expires, err)
	}
	_, err = s.Load(t.Context(), "b")
	wants(t, "load of an expired one", err, cloakroom.ErrNotFound)
	wants(t, "touch", s.Touch(t.Context(), "a", r, time.Now().Add(30*time.Minute)), nil)
	create(t, s, "c", "data", time.Now().Add(-time.Minute))
	var live string
	err = db.QueryRowContext(t.Context(), "SELECT string_agg(session_id, ',') FROM flask_sessions WHERE expiry > NOW() AND expiry < NOW() + INTERVAL '31 minutes'").Scan(&live)
	if err != nil || live != "session:a" {
		t.Errorf("Flask finds %q, %v", live, err)
	}
}
