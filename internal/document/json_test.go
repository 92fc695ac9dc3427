package document

import (
	"errors"
	"strings"
	"testing"
)

// TestForeignNames: a name in JSON is what its escapes stand for. One with half of a surrogate
// pair, which Python writes, has no place in UTF-8: it stays a part of the value, and comes back as
// it is.
func TestForeignNames(t *testing.T) {
	b := Bounds{Values: 10, Foreign: true}
	for quoted, want := range map[string]string{
		`"\u0061b"`: "ab", `"\ud83d\ude00"`: "\U0001f600", `"\ufffd"`: "", `"a\ud800"`: "",
		"\"\ufffd\"": "\ufffd", `"\"}\\"`: `"}\`, `""`: "",
	} {
		nameless := want == "" && quoted != `""`
		data := `{` + quoted + ` : {"in":[1,"]}"]}, "_cloakroom":{"v":1,"created":1,"deadline":2}}`
		var d Document
		if err := b.Decode([]byte(data), &d); err != nil {
			t.Errorf("%s: %v", quoted, err)
			continue
		}
		f := d.fields[0]
		if d.Len() != 1 || d.Nameless() != nameless || string(f.name) != want {
			t.Errorf("%s: %d values, %q, nameless %v", quoted, d.Len(), f.name, d.Nameless())
		}
		if nameless && !strings.HasPrefix(string(d.Encode()), `{`+quoted+`:{"in"`) {
			t.Errorf("%s becomes %s", quoted, d.Encode())
		}
		if !nameless {
			value, err := Decode[map[string][]any](d.At(want), want)
			if err != nil || len(value["in"]) != 2 {
				t.Errorf("%s: %v, %v", quoted, value, err)
			}
		}
	}
	if err := b.Decode([]byte("{\"\xff\":1}"), new(Document)); !errors.Is(err, errJSON) {
		t.Errorf("a name that is not UTF-8: %v", err)
	}
}
