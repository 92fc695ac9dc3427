package cloakroom

import (
	"net/http"
	"slices"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// FuzzCookie: whatever a browser sends, a ticket is well-formed or is none, and the
// parser agrees with net/http about well-formed ones.
func FuzzCookie(f *testing.F) {
	fresh := ticket.New()
	f.Add("session="+fresh, "a=b")
	f.Add("a=b; session=x;session="+fresh+";", "session="+ticket.New())
	f.Add("session=\""+fresh+"\"", "\x00;=;;")
	m := &Manager{options: Options{CookieName: "session"}, policy: engine.Own("", false)}
	f.Fuzz(func(t *testing.T, line1, line2 string) {
		h := http.Header{"Cookie": {line1, line2}}
		all := m.ticketsIn(h["Cookie"], m.options.CookieName)
		headers := &Manager{options: Options{RequestHeader: "Authorization"}, policy: m.policy}
		for _, got := range append(headers.ticketsInHeader(h["Cookie"]).others, all.first) {
			if got != "" && !ticket.Valid(got) {
				t.Fatalf("%q gave %q", h, got)
			}
		}
		got := all.first
		if got != "" && (all.sent == 0 || !ticket.Valid(got) || len(got) != ticket.Length) ||
			len(all.others) >= min(maxCandidates, max(all.sent, 1)) || slices.Contains(all.others, got) {
			t.Fatalf("%q gave %q", h, got)
		}
		if got == "" {
			return
		}
		for _, c := range (&http.Request{Header: h}).Cookies() {
			if c.Name == "session" && !c.Quoted && c.Value == got {
				return
			}
		}
		t.Fatalf("net/http finds no %q in %q", got, h)
	})
}

// TestCloseBeforeCookie: a handler may close a session of the middleware while its
// header is being written. The header has the ticket all the same: without one it would
// clear the cookie.
func TestCloseBeforeCookie(t *testing.T) {
	m, err := New(store.Complete(nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ticket := ticket.New()
	var s Session
	s.open(t.Context(), m, &exchange{m: m}, tickets{first: ticket, sent: 1})
	s.answer.cookie = cookieSet
	s.Close()
	if c := s.cookieLocked(); c == nil || c.Value != ticket {
		t.Error("the cookie is not that of the session")
	}
	s.close()
	if s.body != &emptyBody {
		t.Error("what is finished keeps its memory")
	}
}
