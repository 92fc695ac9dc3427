package cloakroom_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// A session of ann's as format version 1 stores it, its ticket, and what is derived from that and
// from her name. None of these ever changes: see docs/compatibility.md.
const (
	storedTicket = "nyeelu_iTU80C3KE3eE7QLww3HqK2c7b95Kvcb5apvM"
	storedID     = "1f6be7e282a3f7d149ab838ea83e3c0fd653206c00db2379268cb2fd5079ddd6"
	storedPublic = "rhWQNX7Eoz1CMJ3z_HRYhg"
	storedOwner  = "bd40ab4a7df566f43c23af742ceb69fc055d8b404652533dd194535b1158f63d"
)

var storedRecords = map[string]string{
	"MessagePack": "\x86\xaa_permanent\xc3\xa6visits\x07\xa4cart\x92\xa3hat\xa4coat" +
		"\xa5since\xd6\xffk8i%\xa8_flashes\x91\x92\xa4info\xa5saved\xaa_cloakroom\x89" +
		"\xa1v\x01\xa7created\xcf\x00\x06d\r\x82zqu\xadauthenticated\xcf\x00\x06d\r\x82zqu" +
		"\xa8deadline\xcf\x00\x06\x80\xbc\x0e\x8eQu\xa5owner\xa3ann\xabapplication\xa4shop" +
		"\xa9userAgent\xabMozilla/5.0\xa2ip\xa9192.0.2.7" +
		"\xa7commits\xc4\b)\xbd\xfb_\xd1=\xcb\xe3",
	"JSON": `{"_permanent":true,"visits":7,"cart":["hat","coat"],"since":"2027-01-02T03:04:05Z",` +
		`"_flashes":[["info","saved"]],"_cloakroom":{"v":1,"created":1798859046678901,` +
		`"authenticated":1798859046678901,"deadline":1830395046678901,"owner":"ann",` +
		`"userAgent":"Mozilla/5.0","ip":"192.0.2.7","application":"shop",` +
		`"commits":"TLJylIker18="}}`,
}

// keepStored returns a manager of a store that holds one record, and the store.
func keepStored(t *testing.T, data string) (*cloakroom.Manager, store.Store) {
	t.Helper()
	now := time.Date(2027, 1, 2, 3, 5, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	st, err := memstore.New(memstore.Options{Now: clock, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	_, err = st.Create(t.Context(), storedID, store.Record{
		Data: []byte(data), Expires: now.Add(time.Hour), Owner: storedOwner,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := cloakroom.New(st, cloakroom.Options{
		Application: "shop", Idle: time.Hour, Now: clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, st
}

const (
	visits = cloakroom.Key[int]("visits")
	cart   = cloakroom.Key[[]string]("cart")
	since  = cloakroom.Key[time.Time]("since")
)

// checkStored fails unless the ticket opens that session, with so many visits.
func checkStored(t *testing.T, m *cloakroom.Manager, want int) {
	t.Helper()
	began := time.Date(2027, 1, 2, 3, 4, 6, 678_901_000, time.UTC)
	s := m.Open(context.Background(), storedTicket)
	defer s.Close()
	if s.Owner() != "ann" || s.ID() != storedPublic || !s.IsPersistent() ||
		!s.CreatedAt().Equal(began) || !s.AuthenticatedAt().Equal(began) ||
		!s.Deadline().Equal(began.AddDate(1, 0, 0)) {
		t.Errorf("owner %q, ID %s, %v, %v, %v, %v", s.Owner(), s.ID(), s.IsPersistent(),
			s.CreatedAt(), s.AuthenticatedAt(), s.Deadline())
	}
	if visits.Get(s) != want || !slices.Equal(cart.Get(s), []string{"hat", "coat"}) ||
		!since.Get(s).Equal(time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("visits %d, cart %q, since %v", visits.Get(s), cart.Get(s), since.Get(s))
	}
	saved := cloakroom.Flash[string]{Category: "info", Message: "saved"}
	if f := s.Flashes(); len(f) != 1 || f[0] != saved {
		t.Errorf("flash messages %v", f)
	}
	n := 0
	for info, err := range m.Owned(context.Background(), "ann") {
		if n++; err != nil || info.UserAgent != "Mozilla/5.0" || info.IP != "192.0.2.7" {
			t.Errorf("%+v, %v", info, err)
		}
	}
	if n != 1 {
		t.Errorf("ann has %d sessions", n)
	}
}

// TestLaterNote: a note that a later release has added within the format version costs an older
// one nothing, and is lost with that one's next write.
func TestLaterNote(t *testing.T) {
	for format, add := range map[string]*strings.Replacer{
		"MessagePack": strings.NewReplacer("_cloakroom\x89", "_cloakroom\x8a\xa5later\xa4note"),
		"JSON":        strings.NewReplacer(`"_cloakroom":{`, `"_cloakroom":{"later":"note",`),
	} {
		t.Run(format, func(t *testing.T) {
			m, st := keepStored(t, add.Replace(storedRecords[format]))
			has := func() bool {
				r, err := st.Load(t.Context(), storedID)
				return err == nil && strings.Contains(string(r.Data), "later")
			}
			checkStored(t, m, 7)
			if !has() {
				t.Error("reading has lost the note")
			}
			s := m.Open(t.Context(), storedTicket)
			defer s.Close()
			visits.Set(s, 8)
			if err := s.Save(); err != nil {
				t.Fatal(err)
			}
			if checkStored(t, m, 8); has() {
				t.Error("the note is kept, which docs/compatibility.md denies")
			}
		})
	}
}

// TestLaterFormat: a record of a later format version is no session to an older release, which
// leaves it as it is.
func TestLaterFormat(t *testing.T) {
	for format, raise := range map[string]*strings.Replacer{
		"MessagePack": strings.NewReplacer("\xa1v\x01", "\xa1v\x02"),
		"JSON":        strings.NewReplacer(`"v":1`, `"v":2`),
	} {
		t.Run(format, func(t *testing.T) {
			data := raise.Replace(storedRecords[format])
			m, st := keepStored(t, data)
			s := m.Open(t.Context(), storedTicket)
			defer s.Close()
			if s.Owner() != "" || visits.Get(s) != 0 {
				t.Errorf("owner %q, visits %d", s.Owner(), visits.Get(s))
			}
			visits.Set(s, 8)
			if err := s.Save(); !errors.Is(err, cloakroom.ErrUnreadable) || s.Cookie() != nil {
				t.Errorf("Save: %v", err)
			}
			r, err := st.Load(t.Context(), storedID)
			if err != nil || string(r.Data) != data {
				t.Errorf("the record has become %q, %v", r.Data, err)
			}
		})
	}
}
