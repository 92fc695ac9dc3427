package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const greeting = cloakroom.Key[string]("greeting")

// folder is a store of files with a manager.
type folder struct {
	t     *testing.T
	dir   string
	store *filestore.Store
	m     *cloakroom.Manager
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	f := &folder{t: t, dir: filepath.Join(t.TempDir(), "sessions")}
	var err error
	if f.store, err = filestore.New(f.dir, filestore.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	if f.m, err = cloakroom.New(f.store, cloakroom.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *folder) url() string { return "file://" + f.dir }

// begin starts a session, of owner unless that is empty, and returns its ticket.
func (f *folder) begin(owner, text string) (ticket string) {
	f.t.Helper()
	s := f.m.Open(f.t.Context(), "")
	defer s.Close()
	if owner != "" {
		if err := s.Login(owner); err != nil {
			f.t.Fatal(err)
		}
	}
	greeting.Set(s, text)
	if err := s.Save(); err != nil {
		f.t.Fatal(err)
	}
	return s.Cookie().Value
}

func (f *folder) read(ticket string) (owner, text string) {
	s := f.m.Open(f.t.Context(), ticket)
	defer s.Close()
	return s.Owner(), greeting.Get(s)
}

func TestCopy(t *testing.T) {
	from, to := newFolder(t), newFolder(t)
	tickets := map[string]string{}
	for i := range 40 {
		owner := ""
		if i%2 == 0 {
			owner = "ada"
		}
		text := fmt.Sprint("hello ", i)
		tickets[text] = from.begin(owner, text)
	}
	code, out, errs := runIn(t, false, "copy", from.url(), to.url()+"?sync=off")
	if code != 0 || out != "40 sessions copied, 0 skipped, 0 failed\n" || errs != "" {
		t.Fatalf("exit %d, %q, %q", code, out, errs)
	}
	for text, ticket := range tickets {
		wantOwner, _ := from.read(ticket)
		if owner, got := to.read(ticket); got != text || owner != wantOwner {
			t.Errorf("%q of %q, want %q of %q", got, owner, text, wantOwner)
		}
	}
	if n, err := to.m.RevokeOwned(t.Context(), "ada"); n != 20 || err != nil {
		t.Errorf("%d sessions of ada were copied into the index, %v", n, err)
	}
	// Of these, the index of the source still has 20, so they are copied once more.
	code, out, errs = runIn(t, true, "copy", from.url(), to.url()+"?sync=off")
	if code != 0 || !strings.Contains(out, "[##############################] 100%  20 sessions copied, 20 skipped, 0 failed\x1b[K\n20 sessions copied") || errs != "" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

// Failures show the public ID, and nothing that would find the record.
func TestCopyFailures(t *testing.T) {
	from, to := newFolder(t), newFolder(t)
	from.begin("ada", "hello")
	junk := strings.Repeat("0", 64)
	if _, err := from.store.Create(t.Context(), junk, store.Record{Data: []byte("junk"), Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runIn(t, false, "copy", from.url(), to.url())
	lines := strings.Split(errs, "\n")
	if code != 1 || out != "1 session copied, 0 skipped, 1 failed\n" || len(lines) != 3 || !strings.HasPrefix(lines[0], "failed: ") ||
		!strings.Contains(lines[0], "cannot be read") || strings.Contains(errs, junk) || lines[1] != "cloakroom copy: 1 session could not be copied" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

// Copying goes on after failures, however many.
func TestCopyGoesOn(t *testing.T) {
	from := newFolder(t)
	for i := range 60 {
		from.begin("", fmt.Sprint(i))
	}
	var out, errs strings.Builder
	full, err := memstore.New(memstore.Options{MaxRecords: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { full.Close() })
	err = new(copySource).show(t.Context(), terminal{out: &out, err: &errs, isTTY: true}, from.store, from.m.CopyTo(t.Context(), full, cloakroom.CopyOptions{}))
	if err == nil || err.Error() != "59 sessions could not be copied" || !strings.Contains(out.String(), "1 session copied, 0 skipped, 59 failed") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if n := strings.Count(errs.String(), "failed: "); n != 20 {
		t.Errorf("%d failures were printed, want 20\n%s", n, errs.String())
	}
}

// Keys that are no sessions are neither copied nor failures.
func TestCopyOtherKeys(t *testing.T) {
	from, to := newFolder(t), newFolder(t)
	from.begin("ada", "hello")
	for i := range 30 {
		r := store.Record{Data: []byte("1"), Expires: time.Now().Add(time.Hour)}
		if _, err := from.store.Create(t.Context(), fmt.Sprint("lock:", i), r); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := runIn(t, false, "copy", from.url(), to.url())
	if code != exitOK || out != "1 session copied, 0 skipped, 0 failed, 30 other keys left alone\n" || errs != "" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

// An empty store of ours is no failure, and is reported.
func TestCopyNothing(t *testing.T) {
	from, to := newFolder(t), newFolder(t)
	code, out, errs := runIn(t, false, "copy", from.url(), to.url())
	if code != exitOK || out != "0 sessions copied, 0 skipped, 0 failed\n" || errs != "note: there was no session to copy\n" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

func TestCopyWrongUse(t *testing.T) {
	here := newFolder(t)
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{}, exitUsage, "two store URLs are wanted"},
		{[]string{here.url()}, exitUsage, "two store URLs are wanted"},
		{[]string{"a", "b", "c"}, exitUsage, "there are 3 arguments"},
		{[]string{here.url(), "memory:"}, exitUsage, "would end with this command"},
		{[]string{"nope:x", here.url()}, exitFailure, `unknown scheme "nope"`},
		{[]string{here.url(), "nope:x"}, exitFailure, `unknown scheme "nope"`},
		{[]string{"file:" + here.dir + "/missing", here.url()}, exitFailure, "there is no folder"},
	} {
		code, out, errs := runIn(t, false, append([]string{"copy"}, tt.args...)...)
		if code != tt.code || out != "" || !strings.Contains(errs, tt.says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q", tt.args, code, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(here.dir, "missing")); err == nil {
		t.Error("copy made the folder to copy from")
	}
	unlisted := struct{ store.Store }{here.store}
	m, err := cloakroom.New(unlisted, cloakroom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tty := range []bool{false, true} {
		err := new(copySource).show(t.Context(), terminal{out: io.Discard, err: io.Discard, isTTY: tty}, unlisted, m.CopyTo(t.Context(), here.store, cloakroom.CopyOptions{}))
		if err == nil || !strings.Contains(err.Error(), "cannot list") {
			t.Error(err)
		}
	}
}

func TestCopyInterrupted(t *testing.T) {
	from, to := newFolder(t), newFolder(t)
	for i := range 3 {
		from.begin("", fmt.Sprint(i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	faulty := storetest.NewFaulty(to.store)
	faulty.Decide = func(op storetest.Op, _ string) storetest.Fault {
		if op == storetest.OpCreate {
			return storetest.Before(func(context.Context) { cancel() })
		}
		return storetest.Fault{}
	}
	err := new(copySource).show(ctx, terminal{out: io.Discard, err: io.Discard}, from.store, from.m.CopyTo(ctx, faulty, cloakroom.CopyOptions{}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the interruption", err)
	}
	if code, out, errs := runIn(t, false, "copy", from.url(), to.url()); code != 0 || !strings.Contains(out, ", 0 failed\n") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}
