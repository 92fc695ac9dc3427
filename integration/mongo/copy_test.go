package mongo

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

const name = cloakroom.Key[string]("name")

func manager(t *testing.T, s store.Store) *cloakroom.Manager {
	t.Helper()
	m, err := cloakroom.New(s, cloakroom.Options{Logger: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func files(t *testing.T, dir string) *cloakroom.Manager {
	t.Helper()
	s, err := filestore.New(dir, filestore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return manager(t, s)
}

// TestCopy moves an application from files to MongoDB and back to other files: no user is signed
// out.
func TestCopy(t *testing.T) {
	const many = 150
	from, to, target := t.TempDir(), t.TempDir(), place(t, patient(t, given(t)))
	before := files(t, from)
	type session struct{ ticket, owner, name string }
	var all []session
	for i := range many {
		s := before.Open(t.Context(), "")
		one := session{owner: fmt.Sprint("owner ", i%7), name: fmt.Sprint("name ", i)}
		if err := s.Login(one.owner); err != nil {
			t.Fatal(err)
		}
		name.Set(s, one.name)
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
		one.ticket = s.Cookie().Value
		all = append(all, one)
		s.Close()
	}
	for _, c := range []struct{ from, to, want string }{
		{"file://" + from, target, fmt.Sprintf("%d sessions copied, 0 skipped, 0 failed\n", many)},
		{"file://" + from, target, fmt.Sprintf("0 sessions copied, %d skipped, 0 failed\n", many)},
		{target, "file://" + to, fmt.Sprintf("%d sessions copied, 0 skipped, 0 failed\n", many)},
	} {
		stdout, stderr, code := demotest.Run(t, "copy", c.from, c.to)
		if code != 0 || stdout != c.want || stderr != "" {
			t.Fatalf("exit %d, %q, %q, want %q", code, stdout, stderr, c.want)
		}
	}
	for _, after := range []*cloakroom.Manager{manager(t, open(t, target)), files(t, to)} {
		for _, one := range all {
			old, s := before.Open(t.Context(), one.ticket), after.Open(t.Context(), one.ticket)
			if got := name.Get(s); got != one.name || s.Owner() != one.owner {
				t.Fatalf("%q of %q, want %q of %q", got, s.Owner(), one.name, one.owner)
			}
			if d := s.ExpiresAt().Sub(old.ExpiresAt()).Abs(); d > time.Second || !s.Deadline().Equal(old.Deadline()) {
				t.Errorf("ends at %v or %v, want %v or %v", s.ExpiresAt(), s.Deadline(), old.ExpiresAt(), old.Deadline())
			}
			old.Close()
			s.Close()
		}
		n := 0
		for _, err := range after.Owned(t.Context(), "owner 3") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if want := (many + 3) / 7; n != want {
			t.Errorf("owner 3 has %d sessions, want %d", n, want)
		}
	}
}

// TestCommandWithoutServer: the command says what is wrong, soon, and no password.
func TestCommandWithoutServer(t *testing.T) {
	unreachable := fmt.Sprintf("mongodb://user:hunter2@127.0.0.1:%d/", servers.FreePort(t))
	_, stderr, code := demotest.Run(t, "list", unreachable)
	if code != 1 || !strings.Contains(stderr, "refused") || strings.Contains(stderr, "hunter2") {
		t.Errorf("exit %d, %q, want a connection that was refused", code, stderr)
	}
}
