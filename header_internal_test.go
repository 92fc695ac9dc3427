package cloakroom

import (
	"strings"
	"testing"
)

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
