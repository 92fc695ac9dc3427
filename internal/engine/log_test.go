package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestLog: a line names the session by its public id, the error and what is added, where there are
// any.
func TestLog(t *testing.T) {
	r := newRig(t)
	r.Log(t.Context(), slog.LevelWarn, "nothing", "", nil)
	if got := r.log.String(); !strings.Contains(got, `level=WARN msg="cloakroom: nothing"`+"\n") {
		t.Errorf("log: %s", got)
	}
	r.Log(t.Context(), slog.LevelInfo, "something", "public", errFirst, slog.Int("n", 1))
	want := `something" session=public error="` + errFirst.Error() + `" n=1` + "\n"
	if got := r.log.String(); !strings.Contains(got, want) {
		t.Errorf("log: %s", got)
	}
}

// TestFirst: a key is new once, and what is remembered is bounded.
func TestFirst(t *testing.T) {
	r := newRig(t)
	for i := range reportedKept {
		if key := fmt.Sprint(i); !r.First(key) || r.First(key) {
			t.Fatalf("%s", key)
		}
	}
	if r.First("0") || !r.First("one more") || !r.First("0") || len(r.reported.keys) != 2 {
		t.Errorf("%d are remembered", len(r.reported.keys))
	}
}

// TestWithoutID: an error says what it did but for the id, and is what it was.
func TestWithoutID(t *testing.T) {
	err := withoutID(fmt.Errorf("open /a/1234: %w: 1234", errFirst), "1234")
	if got := err.Error(); got != "open /a/...: "+errFirst.Error()+": ..." ||
		!errors.Is(err, errFirst) {
		t.Errorf("%v", got)
	}
}
