package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// copyTo copies everything and returns how many were written, were there and failed,
// and the failures' text.
func (s *site) copyTo(to store.Store) (counts [3]int, failures string) {
	s.t.Helper()
	for c, err := range s.m.CopyTo(s.t.Context(), to, cloakroom.CopyOptions{}) {
		switch {
		case err != nil:
			s.t.Fatal(err)
		case c.Err != nil:
			counts[2]++
			failures += c.Err.Error() + "\n"
		case c.Written:
			counts[0]++
		default:
			counts[1]++
		}
		if len(c.ID) != 22 {
			s.t.Errorf("public ID %q", c.ID)
		}
	}
	return counts, failures
}

func (s *site) wantCopy(to store.Store, written, there, failed int) string {
	s.t.Helper()
	counts, failures := s.copyTo(to)
	if want := [3]int{written, there, failed}; counts != want {
		s.t.Fatalf("written, there, failed: %v, want %v\n%s", counts, want, failures)
	}
	return failures
}

// at is the same browser at another site.
func (b *browser) at(s *site) *browser { return &browser{site: s, m: s.m, cookie: b.cookie} }

func TestCopyTo(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		options := cloakroom.Options{Format: format}
		from, to := newSite(t, options), newSite(t, options)
		var tabs []*browser
		for i := range 100 { // more than are held at once
			tab := from.browser()
			tab.set(name, fmt.Sprint("name ", i))
			if i%2 == 0 {
				tab.login("ann")
			}
			tabs = append(tabs, tab)
		}
		from.clock.advance(time.Minute)
		to.clock.advance(time.Minute + time.Second) // the seals have expired
		from.clock.advance(time.Second)
		from.wantCopy(to.store, 100, 0, 0)
		for i, tab := range tabs {
			if got := tab.at(to).value(name); got != fmt.Sprint("name ", i) {
				t.Errorf("session %d has the name %q at the target", i, got)
			}
		}
		source, target := from.owned("ann"), to.owned("ann")
		if len(target) != 50 {
			t.Errorf("%d sessions of ann at the target", len(target))
		}
		for id, info := range source {
			if target[id] != info {
				t.Errorf("copied %+v, want %+v", target[id], info)
			}
		}
		from.wantCopy(to.store, 0, 100, 0)
		if n, err := to.m.RevokeOwned(t.Context(), "ann"); err != nil || n != 50 {
			t.Errorf("%d revoked at the target, %v", n, err)
		}
	}
}

func TestCopyToAgain(t *testing.T) {
	from, to := newSite(t, cloakroom.Options{}), newSite(t, cloakroom.Options{})
	changed, moved, touched, ahead, both, signedOut := from.browser(), from.browser(), from.browser(), from.browser(), from.browser(), from.browser()
	for _, b := range []*browser{changed, moved, touched, ahead, both, signedOut} {
		b.set(name, "first")
	}
	former := moved.other()
	from.wantCopy(to.store, 6, 0, 0)

	from.clock.advance(10 * time.Minute)
	to.clock.advance(10 * time.Minute)
	changed.set(name, "second")
	changed.set(name, "third")
	moved.login("ann")
	touched.value(name)
	ahead.at(to).set(name, "second at the target")
	both.set(name, "second")
	both.at(to).set(name, "second at the target")
	gone := signedOut.at(to).other()
	signedOut.at(to).do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if err := s.Login("bob"); err != nil { // leaves a seal at the target
			t.Error(err)
		}
	})
	failure := from.wantCopy(to.store, 2, 2+1, 1) // touched, ahead, signedOut
	if !strings.Contains(failure, "another record") {
		t.Error(failure)
	}
	for _, tt := range []struct {
		who  string
		b    *browser
		want string
	}{
		{"changed", changed, "third"}, {"moved", moved, "first"}, {"its former ticket", former, ""}, {"touched", touched, "first"},
		{"ahead", ahead, "second at the target"}, {"both", both, "second at the target"}, {"signed out", gone, ""},
	} {
		if got := tt.b.at(to).value(name); got != tt.want {
			t.Errorf("%s: %q at the target, want %q", tt.who, got, tt.want)
		}
	}
	if n := len(to.owned("ann")); n != 1 {
		t.Errorf("%d sessions of ann at the target", n)
	}
	id := touched.id()
	for info := range to.m.All(t.Context()) {
		if info.ID == id && !info.ExpiresAt.Equal(from.clock.Now().Add(30*time.Minute)) {
			t.Errorf("the touched session ends at %v at the target", info.ExpiresAt)
		}
	}
	if failure := from.wantCopy(to.store, 0, 5, 1); !strings.Contains(failure, "another record") {
		t.Error(failure)
	}
}

func TestCopyToFailures(t *testing.T) {
	from, to := newSite(t, cloakroom.Options{}), newSite(t, cloakroom.Options{})
	b := from.browser()
	b.set(name, "x")
	faulty := storetest.NewFaulty(to.store)
	faulty.Inject(storetest.OpCreate, storetest.Failed(), storetest.Lost())
	from.wantCopy(faulty, 1, 0, 0)
	b.set(name, "y")
	faulty.Inject(storetest.OpReplace, storetest.Failed(), storetest.Lost())
	from.wantCopy(faulty, 1, 0, 0)
	if got := b.at(to).value(name); got != "y" {
		t.Errorf("%q at the target", got)
	}

	// What the target refuses, and what cannot be read, is told without the store's id.
	c := from.browser()
	c.set(name, "z")
	var ids []string
	to.store.intercept(func(op, id string, do func() error) error {
		if op == "create" {
			ids = append(ids, id)
			return fmt.Errorf("at %s: %w", id, cloakroom.ErrFull)
		}
		return do()
	})
	failures := from.wantCopy(to.store, 0, 0, 2)
	if !strings.Contains(failures, cloakroom.ErrFull.Error()) || len(ids) != 2 || strings.Contains(failures, ids[0]) || strings.Contains(failures, ids[1]) {
		t.Error(failures)
	}
	to.store.intercept(nil)
	if _, err := from.store.Create(t.Context(), strings.Repeat("0", 64), store.Record{Data: []byte("junk"), Expires: from.clock.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if failures := from.wantCopy(to.store, 1, 1, 1); !strings.Contains(failures, "cannot be read") {
		t.Error(failures)
	}
	if _, err := to.store.Load(t.Context(), strings.Repeat("0", 64)); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("the unreadable record was copied: %v", err)
	}

	// A target that is away costs a session no more than the time limit, and the copy goes on.
	quick := from.manager(cloakroom.Options{Timeout: 20 * time.Millisecond})
	faulty.Decide = func(storetest.Op, string) storetest.Fault { return storetest.Slow(nil) }
	failed := 0
	for c, err := range quick.CopyTo(t.Context(), faulty, cloakroom.CopyOptions{}) {
		if err != nil || !errors.Is(c.Err, context.DeadlineExceeded) && !strings.Contains(c.Err.Error(), "cannot be read") {
			t.Errorf("%v, %v", c.Err, err)
		}
		failed++
	}
	if failed != 3 {
		t.Errorf("%d failed, want 3", failed)
	}
}

func TestCopyToEnds(t *testing.T) {
	from, to := newSite(t, cloakroom.Options{}), newSite(t, cloakroom.Options{})
	for range 3 {
		from.browser().set(name, "x")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n := 0
	for c, err := range from.m.CopyTo(ctx, to.store, cloakroom.CopyOptions{}) {
		if last = err; c.Written {
			n++
		}
		cancel()
	}
	if !errors.Is(last, context.Canceled) || n != 1 {
		t.Errorf("%d copied, then %v", n, last)
	}
	for range from.m.CopyTo(t.Context(), to.store, cloakroom.CopyOptions{}) {
		break
	}
	plain, err := cloakroom.New(struct{ store.Store }{from.store}, cloakroom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range plain.CopyTo(t.Context(), to.store, cloakroom.CopyOptions{}) {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, want %v", err, errors.ErrUnsupported)
		}
	}
}

// Expired records, those past their deadline among them, are not copied.
func TestCopyToSkipsExpired(t *testing.T) {
	from, to := newSite(t, cloakroom.Options{Lifetime: time.Hour, Idle: time.Hour}), newSite(t, cloakroom.Options{})
	from.browser().set(name, "old")
	from.clock.advance(45 * time.Minute)
	from.browser().set(name, "new")
	from.clock.advance(30 * time.Minute)
	from.wantCopy(to.store, 1, 0, 0)
}
