package dynamodb

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// TestCopy moves an application from files to DynamoDB, and on to files again: no user is signed
// out, and an owner's sessions are listed.
func TestCopy(t *testing.T) {
	servers.Long(t)
	d := server(t)
	manager := func(s store.Store) *cloakroom.Manager {
		t.Helper()
		m, err := cloakroom.New(s, cloakroom.Options{Logger: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	files := func(dir string) *cloakroom.Manager {
		t.Helper()
		s, err := filestore.New(dir, filestore.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return manager(s)
	}
	from, to := t.TempDir(), t.TempDir()
	before := files(from)
	type session struct{ ticket, owner, name string }
	var all []session
	for i := range 120 {
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
	target := d.URL("Sessions") + "&timeout=1m"
	for _, step := range []struct{ from, to, want string }{
		{"file://" + from, target, "120 sessions copied, 0 skipped, 0 failed\n"},
		{"file://" + from, target, "0 sessions copied, 120 skipped, 0 failed\n"},
		{target, "file://" + to, "120 sessions copied, 0 skipped, 0 failed\n"},
	} {
		if stdout, stderr, code := demotest.Run(t, "copy", step.from, step.to); code != 0 || stdout != step.want || stderr != "" {
			t.Errorf("exit %d, %q, %q, want %q", code, stdout, stderr, step.want)
		}
	}
	for _, after := range []*cloakroom.Manager{manager(open(t, target)), files(to)} {
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
		for info, err := range after.Owned(t.Context(), "owner 3") {
			if err != nil || info.Owner != "owner 3" {
				t.Fatal(info.Owner, err)
			}
			n++
		}
		if n != 17 {
			t.Errorf("an owner has %d sessions, want 17", n)
		}
	}
}
