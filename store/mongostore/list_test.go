package mongostore

import (
	"strings"
	"testing"
)

func TestBadCursors(t *testing.T) {
	s, err := New(nowhere(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, cursor := range []string{"x", "1", "1:", ":1", "1:-1", "1:2:3", "99999999999999999999:1"} {
		if _, _, err := s.Sweep(t.Context(), cursor, 1); err == nil || !strings.Contains(err.Error(), "bad cursor") {
			t.Errorf("%q: %v", cursor, err)
		}
	}
}
