package cloakroom

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
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
		all := m.ticketsIn(h["Cookie"])
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

// FuzzCacheControl: whatever a handler says, the result refuses shared caches, and says
// so once more when it is given back.
func FuzzCacheControl(f *testing.F) {
	for _, line := range []string{"public, max-age=60", `private="a, b", s-maxage=1`, "no-store, must-understand", `x="\"`, ",=,"} {
		f.Add(line, "")
	}
	f.Fuzz(func(t *testing.T, line1, line2 string) {
		lines := []string{line1, line2}
		if line, changed := private(lines); changed {
			lines = []string{line}
			if again, changed := private(lines); changed {
				t.Fatalf("%q, %q gives %q, and that %q", line1, line2, line, again)
			}
		}
		refuses := false
		for directive := range directives(lines) {
			name, _, has := strings.Cut(strings.ToLower(directive), "=")
			switch name = strings.TrimSpace(name); {
			case name == "public", name == "s-maxage", name == "must-understand":
				t.Fatalf("%q says %q", lines, directive)
			case name == "no-store", name == "private" && !has:
				refuses = true
			}
		}
		if !refuses {
			t.Fatalf("%q refuses nothing", lines)
		}
	})
}
