package cloakroom_test

import (
	"encoding/json"
	"flag"
	"log/slog"
	"math"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

var writeRecords = flag.String("records.write", "",
	"store the records of this `version` in testdata/records, before its release")

// recordsAt is when the records of testdata were stored.
var recordsAt = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// TestRecordsOfFormerReleases reads what each release has stored, with its values, times and
// messages, for ever. testdata/records has a folder for each release that changed what is stored,
// and in it one for each format: the folder of a file store, and the browsers' tickets.
func TestRecordsOfFormerReleases(t *testing.T) {
	if *writeRecords != "" {
		for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
			storeRecords(t, filepath.Join("testdata", "records", *writeRecords, format.String()), format)
		}
	}
	folders, err := filepath.Glob(filepath.Join("testdata", "records", "v*", "*"))
	if err != nil || len(folders) < 2 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	for _, folder := range folders {
		t.Run(filepath.ToSlash(folder), func(t *testing.T) { readRecords(t, folder) })
	}
}

// formerValues are stored in testdata: append others, and change none.
var formerValues = []formerValue{
	keep("text", "grüße \" \\ </script> \n\x00"),
	keep("empty", ""),
	keep("int", -1<<40),
	keep("least", int64(math.MinInt64)),
	keep("most", uint64(math.MaxUint64)),
	keep("true", true),
	keep("float", 1.0/3),
	keep("bytes", []byte{0, 255, 128}),
	keep("list", []string{"a", ""}),
	keep("counts", map[string]int{"a": 1, "b": -2}),
	keep("addr", netip.MustParseAddr("2001:db8::1")),
	keep("big", *new(big.Int).Lsh(big.NewInt(1), 100)),
	keep("time", time.Date(2031, 5, 6, 7, 8, 9, 123456789, time.UTC)),
	keep("wait", 90*time.Minute),
	keep("nothing", (*profile)(nil)),
	keep("struct", profile{
		Name: "ann", Since: time.Date(1969, 1, 1, 0, 0, 0, 1, time.UTC), Tags: []string{"x"},
		Extra: map[string]int64{"n": 1 << 60}, Deep: &profile{Addr: netip.MustParseAddr("::1")},
		Bytes: []byte("b"), Seen: map[string]string{"k": "v"},
	}),
	keep("quoted \" \\ name", "x"),
}

type formerValue struct {
	set   func(*cloakroom.Session)
	check func(*testing.T, *cloakroom.Session)
}

func keep[T any](k cloakroom.Key[T], v T) formerValue {
	return formerValue{
		set: func(s *cloakroom.Session) { k.Set(s, v) },
		check: func(t *testing.T, s *cloakroom.Session) {
			t.Helper()
			got, present, err := k.Lookup(s)
			if err != nil || !present || !reflect.DeepEqual(got, v) {
				t.Errorf("%q: %#v, %v, %v; want %#v", k, got, present, err, v)
			}
		},
	}
}

// formerTickets are the tickets of the sessions in a folder. They open nothing anywhere else.
type formerTickets struct {
	Owned     string // ann's, with the values and two messages
	Renewed   string // the one that Owned had before: its record is a seal
	Anonymous string // a session without an owner, persistent
}

// formerSite opens a folder of records as a site, at a time after they were stored.
func formerSite(t *testing.T, folder string, format cloakroom.Format, later time.Duration) *cloakroom.Manager {
	t.Helper()
	now := func() time.Time { return recordsAt.Add(later) }
	files, err := filestore.New(folder, filestore.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	m, err := cloakroom.New(files, cloakroom.Options{
		InsecureCookie: true, Format: format, Now: now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// record opens a session by its ticket, saves what do has done, and returns the ticket of then.
func record(t *testing.T, m *cloakroom.Manager, ticket string, do func(*cloakroom.Session)) string {
	t.Helper()
	s := m.OpenWith(t.Context(), cloakroom.Visit{
		Cookies: "session=" + ticket, IP: "192.0.2.7", UserAgent: "Mozilla/5.0",
	})
	defer s.Close()
	do(s)
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if c := s.Cookie(); c != nil {
		return c.Value
	}
	return ticket
}

func storeRecords(t *testing.T, folder string, format cloakroom.Format) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	m := formerSite(t, filepath.Join(folder, "files"), format, 0)
	var tickets formerTickets
	tickets.Renewed = record(t, m, "", func(s *cloakroom.Session) {
		if err := s.Login("ann"); err != nil {
			t.Error(err)
		}
		s.Flash("info", "hello")
		s.Flash("error", "again")
		for _, v := range formerValues {
			v.set(s)
		}
	})
	tickets.Owned = record(t, m, tickets.Renewed, func(s *cloakroom.Session) {
		if err := s.Renew(); err != nil {
			t.Error(err)
		}
	})
	tickets.Anonymous = record(t, m, "", func(s *cloakroom.Session) {
		s.SetPersistent(true)
		name.Set(s, "guest")
	})
	text, err := json.MarshalIndent(tickets, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "tickets.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readRecords(t *testing.T, folder string) {
	text, err := os.ReadFile(filepath.Join(folder, "tickets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tickets formerTickets
	if err := json.Unmarshal(text, &tickets); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(t.TempDir(), "files")
	if err := os.CopyFS(files, os.DirFS(filepath.Join(folder, "files"))); err != nil {
		t.Fatal(err)
	}
	m := formerSite(t, files, cloakroom.MessagePack, time.Minute)
	// Read twice: the first visit also rewrites the record in the format of today.
	for range 2 {
		record(t, m, tickets.Owned, func(s *cloakroom.Session) {
			if s.Owner() != "ann" || !s.CreatedAt().Equal(recordsAt) {
				t.Errorf("owner %q, created at %v", s.Owner(), s.CreatedAt())
			}
			for _, v := range formerValues {
				v.check(t, s)
			}
			name.Set(s, "changed")
		})
	}
	record(t, m, tickets.Owned, func(s *cloakroom.Session) {
		want := []cloakroom.Flash[string]{{"info", "hello"}, {"error", "again"}}
		if got := s.Flashes(); !reflect.DeepEqual(got, want) {
			t.Errorf("messages %q, want %q", got, want)
		}
	})
	record(t, m, tickets.Anonymous, func(s *cloakroom.Session) {
		if s.Owner() != "" || !s.IsPersistent() || name.Get(s) != "guest" {
			t.Errorf("owner %q, persistent %v, %q", s.Owner(), s.IsPersistent(), name.Get(s))
		}
	})
	record(t, m, tickets.Renewed, func(s *cloakroom.Session) {
		if !s.IsNew() {
			t.Error("a ticket that was renewed is good again")
		}
	})
	n := 0
	for info, err := range m.Owned(t.Context(), "ann") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; info.Owner != "ann" || info.IP != "192.0.2.7" {
			t.Errorf("lists %+v", info)
		}
	}
	if n != 1 {
		t.Errorf("lists %d sessions of ann, want 1", n)
	}
}
