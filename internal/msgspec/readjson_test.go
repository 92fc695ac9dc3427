package msgspec_test

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
)

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
