package pickledoc_test

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
)

// The smallest part that MessagePack cannot hold is an extension, and the rest is readable.
func TestSmallestPart(t *testing.T) {
	big65 := new(big.Int).Lsh(big.NewInt(1), 65)
	ext := func(v pickle.Value) []byte {
		return msgpack.AppendExt(nil, pickledoc.ExtType, pickled(t, v))
	}
	inner := object("Inner")
	self := list()
	self.Items = append(self.Items, int64(1), self)
	for name, c := range map[string]struct {
		value pickle.Value
		want  []byte
	}{
		"an object":            {inner, ext(inner)},
		"a function":           {global("builtins", "len"), ext(global("builtins", "len"))},
		"an int":               {big65, ext(big65)},
		"a surrogate":          {"\xed\xa0\x80", ext("\xed\xa0\x80")},
		"in a list":            {list("a", inner), append([]byte("\x92\xa1a"), ext(inner)...)},
		"in a tuple in a dict": {dict(t, "k", pickle.Tuple{inner}), append([]byte("\x81\xa1k\x91"), ext(inner)...)},
		"a key":                {dict(t, big65, int64(1)), append(append([]byte("\x81"), ext(big65)...), 1)},
		"keys made equal":      {dict(t, text("a"), int64(1), "a", int64(2)), append(append([]byte("\x82\xa1a\x01"), ext("a")...), 2)},
		"within itself":        {self, append([]byte("\x92\x01"), ext(self)...)},
		"text of a class":      {text("<b>"), []byte("\xa3<b>")},
		"in attributes": {
			&pickle.Object{
				Made: pickle.ByNew, Func: global("m", "C"),
				Steps: []pickle.Step{
					{Kind: pickle.SetState, Items: []pickle.Value{dict(t, "a", inner)}},
				},
			},
			append([]byte("\x81\xa1a"), ext(inner)...),
		},
	} {
		got := document(t, pickled(t, dict(t, "v", c.value)))
		if want := append([]byte("\x81\xa1v"), c.want...); !bytes.Equal(got, want) {
			t.Errorf("%s: %x (%q), want %x (%q)", name, got, got, want, want)
		}
	}
}

// What is nested no deeper than the core decodes stays readable, and the rest is one
// extension.
func TestDepth(t *testing.T) {
	for levels, exts := range map[int]int{pickledoc.MaxDepth - 1: 0, pickledoc.MaxDepth: 1, 1000: 1} {
		v := pickle.Value(int64(1))
		for range levels {
			v = list(v)
		}
		doc := document(t, pickled(t, dict(t, "v", v)))
		open := bytes.Count(doc[:3+min(levels, pickledoc.MaxDepth)], []byte("\x91"))
		if got := bytes.Count(doc, []byte("\x80\x04")); got != exts || open != min(levels, pickledoc.MaxDepth-1) {
			t.Errorf("%d levels: %d extensions below %d levels", levels, got, open)
		}
	}
}
