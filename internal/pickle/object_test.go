package pickle_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// The name of a class is in the error that refuses it, if it looks like one.
func TestRefusal(t *testing.T) {
	for p, want := range map[string]string{"cos\nsystem\n.": "os.system", "cos\nsystem\n)R.": "os.system", "cos\nse cret\n.": ""} {
		v, err := pickle.Decode([]byte(p))
		if err != nil {
			t.Fatal(err)
		}
		err = pickle.Refusal(v)
		if !errors.Is(err, pickle.ErrObject) || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "cret") {
			t.Errorf("%q: error %v", p, err)
		}
	}
}

// Names of Python 2 are those of Python 3 in what is written, which says that it is of
// protocol 4.
func TestNames(t *testing.T) {
	for p, want := range map[string]pickle.Value{
		"c__builtin__\nunicode\n.":          pickle.Global{Module: "builtins", Name: "str"},
		"ccopy_reg\n_reconstructor\n.":      pickle.Global{Module: "copyreg", Name: "_reconstructor"},
		"\x80\x03c__builtin__\nunicode\n.":  pickle.Global{Module: "__builtin__", Name: "unicode"},
		"\x80\x04\x8c\x01m\x8c\x03a.b\x93.": pickle.Global{Module: "m", Name: "a.b"},
	} {
		if v, err := pickle.Decode([]byte(p)); err != nil || v != want {
			t.Errorf("%q: %v, error %v", p, v, err)
		}
	}
}
