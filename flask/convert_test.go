package flask_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
)

// lines returns the lines of a file that testdata/gen.py wrote, split at tabs.
func lines(t testing.TB, name string) [][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(b)) {
		all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A pickle of any protocol becomes what Flask-Session would have written.
func TestConvertPickles(t *testing.T) {
	for _, line := range lines(t, "sessions.txt") {
		for protocol, p := range line[3:] {
			for i, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
				got, err := flask.Convert(unhex(t, p), format)
				if err != nil {
					t.Errorf("%s, protocol %d, to %v: %v", line[0], protocol, format, err)
				}
				if want := unhex(t, line[1+i]); !bytes.Equal(got, want) {
					t.Errorf("%s, protocol %d, to %v:\n%x, want\n%x", line[0], protocol, format, got, want)
				}
			}
		}
	}
}

// Data in the format already stays as it is, and the other format is converted.
func TestConvertFormats(t *testing.T) {
	for _, line := range lines(t, "sessions.txt") {
		msgpack, asJSON := unhex(t, line[1]), unhex(t, line[2])
		for _, c := range []struct {
			from []byte
			to   cloakroom.Format
			want []byte
		}{{msgpack, cloakroom.MessagePack, msgpack}, {asJSON, cloakroom.JSON, asJSON}} {
			if got, err := flask.Convert(c.from, c.to); err != nil || !bytes.Equal(got, c.want) {
				t.Errorf("%s to %v: %x, error %v", line[0], c.to, got, err)
			}
		}
		converted, err := flask.Convert(asJSON, cloakroom.MessagePack)
		if err != nil {
			t.Errorf("%s: JSON to MessagePack: %v", line[0], err)
		}
		if back, err := flask.Convert(converted, cloakroom.JSON); err != nil || !bytes.Equal(back, asJSON) {
			t.Errorf("%s: JSON became %q, error %v", line[0], back, err)
		}
	}
	spaced := []byte(" {\n}\n")
	if got, err := flask.Convert(spaced, cloakroom.JSON); err != nil || !bytes.Equal(got, spaced) {
		t.Errorf("JSON with white space became %q, error %v", got, err)
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       error
	}{
		{"nothing", "", flask.ErrUnreadable},
		{"a list in MessagePack", "\x90", flask.ErrUnreadable},
		{"a list in JSON", "[]", flask.ErrUnreadable},
		{"a list in a pickle", "].", flask.ErrUnreadable},
		{"half of a pickle", "\x80\x04}", flask.ErrUnreadable},
		{"two JSON values", "{}{}", flask.ErrUnreadable},
		{"an object", "}V_x\ncos\nsystem\n(Vtrue\ntRs.", flask.ErrObject},
		{"a call instead of a dict", "cos\nsystem\n(Vtrue\ntR.", flask.ErrObject},
		{"2^64", "}Vn\nL18446744073709551616L\ns.", flask.ErrHold},
		{"a surrogate", "}Vs\nV\\ud800\ns.", flask.ErrHold},
	} {
		got, err := flask.Convert([]byte(c.data), cloakroom.MessagePack)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %x, error %v, want %v", c.name, got, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "true") || strings.Contains(err.Error(), "18446")) {
			t.Errorf("%s: the error quotes data: %v", c.name, err)
		}
	}
	if _, err := flask.Convert([]byte("}."), cloakroom.Format(9)); err == nil {
		t.Error("an unknown format was taken")
	}
}

func FuzzConvert(f *testing.F) {
	for _, line := range lines(f, "sessions.txt") {
		for _, data := range line[1:] {
			if len(data) < 2000 {
				f.Add(unhex(f, data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
			out, err := flask.Convert(data, format)
			if err != nil {
				continue
			}
			if format == cloakroom.JSON && !json.Valid(out) {
				t.Fatalf("%x became %q, which is no JSON", data, out)
			}
			if again, err := flask.Convert(out, format); err != nil || !bytes.Equal(again, out) {
				t.Fatalf("%x became %x, and then %x, error %v", data, out, again, err)
			}
		}
	})
}

// Convert reads the objects that Flask-Session reads, and subclasses of str, list and
// dict.
func TestConvertObjects(t *testing.T) {
	for p, want := range map[string]string{
		"}Vm\ncmarkupsafe\nMarkup\nV<b>\n\x85\x81s.":               `{"m":"<b>"}`,
		"}Vm\nccollections\nOrderedDict\n)RVb\nK\x01sVa\nK\x02ss.": `{"m":{"b":1,"a":2}}`,
		"}Vm\ncm\nColor\nVred\n\x85Rs.":                            `{"m":"red"}`,
		"}Vm\ncm\nPoint\n(K\x01K\x02t\x81s.":                       `{"m":[1,2]}`,
		"}Vm\ncm\nItem\n)\x81}Va\nK\x01sbs.":                       `{"m":{"a":1}}`,
		"}Vm\ncnumpy\nint64\nK\x05\x85Rs.":                         "",
		"}Vm\nclen\nlen\ns.":                                       "",
	} {
		got, err := flask.Convert([]byte(p), cloakroom.JSON)
		if want == "" {
			if !errors.Is(err, flask.ErrObject) || strings.Contains(err.Error(), "5") {
				t.Errorf("%q became %s, error %v", p, got, err)
			}
			continue
		}
		if err != nil || string(got) != want {
			t.Errorf("%q became %s, error %v, want %s", p, got, err, want)
		}
	}
}
