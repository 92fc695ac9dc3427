package memcached

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

// TestCopyFromFiles moves an application from files to three memcached servers: no user is signed
// out.
func TestCopyFromFiles(t *testing.T) {
	dir := t.TempDir()
	files, err := filestore.New(dir, filestore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	manager := func(s store.Store) *cloakroom.Manager {
		m, err := cloakroom.New(s, cloakroom.Options{Logger: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := manager(files)
	type session struct{ ticket, owner, name string }
	var all []session
	for i := range 300 {
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
	a, b, c := servers.StartMemcached(t), servers.StartMemcached(t), servers.StartMemcached(t)
	target := a.URL(b, c)
	for _, want := range []string{"300 sessions copied, 0 skipped, 0 failed\n", "0 sessions copied, 300 skipped, 0 failed\n"} {
		stdout, stderr, code := demotest.Run(t, "copy", "file://"+dir, target)
		if code != 0 || stdout != want || stderr != "" {
			t.Errorf("exit %d, %q, %q, want %q", code, stdout, stderr, want)
		}
	}
	after := manager(open(t, target))
	for _, one := range all {
		old, s := before.Open(t.Context(), one.ticket), after.Open(t.Context(), one.ticket)
		if got := name.Get(s); got != one.name || s.Owner() != one.owner {
			t.Fatalf("%q of %q, want %q of %q", got, s.Owner(), one.name, one.owner)
		}
		if d := s.ExpiresAt().Sub(old.ExpiresAt()).Abs(); d > 2*time.Second || !s.Deadline().Equal(old.Deadline()) {
			t.Errorf("ends at %v or %v, want %v or %v", s.ExpiresAt(), s.Deadline(), old.ExpiresAt(), old.Deadline())
		}
		old.Close()
		s.Close()
	}

	// Not the other way: memcached cannot list.
	if stdout, stderr, code := demotest.Run(t, "copy", target, "file://"+t.TempDir()); code != 1 || stdout != "" || !strings.Contains(stderr, "cannot list") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	// A target that is away is given up.
	for _, m := range []*servers.Memcached{a, b, c} {
		m.Kill()
	}
	if _, stderr, code := demotest.Run(t, "copy", "file://"+dir, target); code != 1 || !strings.Contains(stderr, "refused") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
