package sql

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/site"
)

// TestCopy moves an application from SQLite to PostgreSQL and on to MariaDB: no user is signed out.
func TestCopy(t *testing.T) {
	places := []string{sqliteFile(t), servers.SharedPostgres(t).URL(t), servers.SharedMariaDB(t).URL(t)}
	manager := func(rawURL string) *cloakroom.Manager {
		m, err := cloakroom.New(open(t, rawURL), cloakroom.Options{Logger: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := manager(places[0])
	var tickets []string
	for i := range 250 {
		s := before.Open(t.Context(), "")
		if err := s.Login(fmt.Sprint("owner ", i%7)); err != nil {
			t.Fatal(err)
		}
		site.Count.Set(s, i)
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, s.Cookie().Value)
		s.Close()
	}
	for i := range 2 {
		stdout, stderr, code := demotest.Run(t, "copy", places[i], places[i+1])
		if code != 0 || stdout != "250 sessions copied, 0 skipped, 0 failed\n" || stderr != "" {
			t.Errorf("exit %d, %q, %q", code, stdout, stderr)
		}
	}
	after := manager(places[2])
	for i, ticket := range tickets {
		s := after.Open(t.Context(), ticket)
		if got := site.Count.Get(s); got != i || s.Owner() != fmt.Sprint("owner ", i%7) {
			t.Errorf("%d of %q, want %d", got, s.Owner(), i)
		}
		s.Close()
	}
	if n, err := after.RevokeOwned(t.Context(), "owner 3"); n != 36 || err != nil {
		t.Errorf("%d revoked, %v", n, err)
	}
	// What is misspelled is not made.
	if _, stderr, code := demotest.Run(t, "list", "sqlite:missing.db"); code != 1 || stderr == "" {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
