package msgspec_test

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
)

func FuzzReadJSON(f *testing.F) {
	for _, line := range lines(f, "msgspec.txt") {
		if line[4] != "!" && len(line[4]) < 1000 {
			f.Add(unhex(f, line[4]))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, formats[1], b) })
}

// Only an escape is one: not digits behind another escape, nor a u without its backslash.
func TestEscapes(t *testing.T) {
	for in, want := range map[string]string{
		`"\nd800"`: "\nd800", `"\\ud800"`: `\ud800`, `"\ud83d\ude00"`: "\U0001f600", `"\u00e9"`: "é",
		`"\n"`: "\n", `"\u0041\n"`: "A\n",
	} {
		if v, err := msgspec.ReadJSON([]byte(in)); err != nil || v != want {
			t.Errorf("%s: %q, %v, want %q", in, v, err, want)
		}
	}
	for _, in := range []string{`"\ud800xudc00"`, `"\ud800\ndc00"`, `"\ud800"`, `"\ud800\n"`} {
		if v, err := msgspec.ReadJSON([]byte(in)); !errors.Is(err, msgspec.ErrMalformed) {
			t.Errorf("%s: %q, error %v, want ErrMalformed", in, v, err)
		}
	}
}
