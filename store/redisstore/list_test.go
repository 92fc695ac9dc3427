package redisstore

import "testing"

func TestCursors(t *testing.T) {
	for _, p := range []place{
		{topology: "-", scan: 7, process: "0123456789ab"},
		{topology: "1a2b", node: 2, scan: 1<<64 - 1},
		{topology: "1a2b", node: 2},
	} {
		if got, err := parsePlace(p.String()); err != nil || got != p {
			t.Errorf("%+v: %+v, %v", p, got, err)
		}
	}
	for _, bad := range []string{"x", "1:2", "a:b:c:d", "a:-1:c:0", "a:0:c:-1", "a:99999:c:0", "a:0:c:0:0"} {
		if _, err := parsePlace(bad); err == nil {
			t.Errorf("All takes the cursor %q", bad)
		}
	}
	if got := (place{end: true, scan: 5}).String(); got != "" {
		t.Errorf("at the end: %q", got)
	}
	for _, bad := range []string{"x", "1", "-1:a", ":a"} {
		if _, _, err := parseOwnedCursor(bad); err == nil {
			t.Errorf("Owned takes the cursor %q", bad)
		}
	}
	if from, process, err := parseOwnedCursor("12:abc"); from != "12" || process != "abc" || err != nil {
		t.Errorf("%q, %q, %v", from, process, err)
	}
}
