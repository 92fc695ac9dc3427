package pickledoc_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
)

func global(module, name string) pickle.Global { return pickle.Global{Module: module, Name: name} }

// object returns an object of a class that means nothing to Go.
func object(name string) *pickle.Object {
	return &pickle.Object{Func: global("m", name), Args: pickle.Tuple{int64(1), int64(2)}}
}

// text returns an object of a class that is based on str.
func text(s string) *pickle.Object {
	return &pickle.Object{
		Made: pickle.ByNew, Func: global("markupsafe", "Markup"), Args: pickle.Tuple{s},
	}
}

func list(items ...pickle.Value) *pickle.List { return &pickle.List{Items: items} }

func dict(t testing.TB, pairs ...pickle.Value) *pickle.Dict {
	t.Helper()
	d := &pickle.Dict{}
	for i := 0; i < len(pairs); i += 2 {
		if err := d.Set(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func pickled(t testing.TB, v pickle.Value) []byte {
	t.Helper()
	p, err := pickle.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func document(t testing.TB, p []byte) []byte {
	t.Helper()
	doc, err := pickledoc.FromPickle(p)
	if err != nil {
		t.Fatal(err)
	}
	n, err := msgpack.Next(doc, msgpack.Limits{Depth: pickledoc.MaxDepth})
	if err != nil || n != len(doc) {
		t.Fatalf("%x is no document: %v", doc, err)
	}
	return doc
}

// changed returns a document after a change by Go.
func changed(t testing.TB, doc []byte, change func(map[string]any)) []byte {
	t.Helper()
	var values map[string]any
	if err := msgpack.Unmarshal(doc, &values, msgpack.Limits{}); err != nil {
		t.Fatal(err)
	}
	change(values)
	out, err := msgpack.Append(nil, values, msgpack.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

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

// A document that did not change becomes the pickle that it came from, whatever that held.
func TestUnchanged(t *testing.T) {
	self := dict(t, "a", int64(1))
	if err := self.Set("self", self); err != nil {
		t.Fatal(err)
	}
	deep := pickle.Value(int64(1))
	for range 1000 {
		deep = list(deep)
	}
	shared := list(int64(1))
	for name, d := range map[string]*pickle.Dict{
		"empty": {},
		"types": dict(
			t, "t", pickle.Tuple{int64(1)}, "s", &pickle.Set{Items: []pickle.Value{int64(1)}},
			"m", text("x"), "o", object("C"),
		),
		"keys": dict(
			t, int64(1), "a", "1", "b", nil, "c", pickle.Tuple{int64(1), "x"}, "d",
			pickle.Bytes("k"), "e", object("K"), "f", 1.5, "g", "\xed\xa0\x80", "h",
		),
		"shared":        dict(t, "a", shared, "b", list(shared, shared)),
		"within itself": self,
		"deep":          dict(t, "deep", deep),
	} {
		p := pickled(t, d)
		got, err := pickledoc.ToPickle(document(t, p), p)
		if err != nil || !bytes.Equal(got, p) {
			t.Errorf("%s: %x, error %v, want %x", name, got, err, p)
		}
	}
}

// Where a list or a dict changed, its parts that did not are what they were.
func TestChangedParts(t *testing.T) {
	flash := func(message pickle.Value) pickle.Value { return pickle.Tuple{"message", message} }
	ordered := func(pairs ...pickle.Value) *pickle.Object {
		return &pickle.Object{
			Func: global("collections", "OrderedDict"), Args: pickle.Tuple{},
			Steps: []pickle.Step{{Kind: pickle.SetItems, Items: pairs}},
		}
	}
	item := func(name string, n int64) pickle.Value { return dict(t, "name", text(name), "n", n) }
	odd := object("Odd")
	before := dict(
		t, "_flashes", list(flash(text("<b>")), flash(odd), flash("plain")),
		"cart", dict(t, "items", list(item("coat", 1), item("hat", 2))), "ordered", ordered("b", text("x"), "a", int64(2)), "gone", odd, "kept", odd,
	)
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   func(*pickle.Dict)
	}{
		"one flash more": {
			func(v map[string]any) {
				v["_flashes"] = append(v["_flashes"].([]any), []any{"message", "new"})
			},
			func(d *pickle.Dict) {
				flashes := list(flash(text("<b>")), flash(odd), flash("plain"), list("message", "new"))
				set(t, d, "_flashes", flashes)
			},
		},
		"the first flash less": {
			func(v map[string]any) { v["_flashes"] = v["_flashes"].([]any)[1:] },
			func(d *pickle.Dict) { set(t, d, "_flashes", list(flash(odd), flash("plain"))) },
		},
		"a number deep inside": {
			func(v map[string]any) {
				v["cart"].(map[string]any)["items"].([]any)[0].(map[string]any)["n"] = 5
			},
			func(d *pickle.Dict) {
				set(t, d, "cart", dict(t, "items", list(item("coat", 5), item("hat", 2))))
			},
		},
		"an item of an OrderedDict": {
			func(v map[string]any) { v["ordered"].(map[string]any)["a"] = 3 },
			func(d *pickle.Dict) { set(t, d, "ordered", ordered("b", text("x"), "a", int64(3))) },
		},
		"an object moves": {
			func(v map[string]any) { v["gone"] = []any{v["gone"], 1} },
			func(d *pickle.Dict) { set(t, d, "gone", list(odd, int64(1))) },
		},
		"set anew": {
			func(v map[string]any) { v["cart"] = "none" },
			func(d *pickle.Dict) { set(t, d, "cart", "none") },
		},
	} {
		p := pickled(t, before)
		got, err := pickledoc.ToPickle(changed(t, document(t, p), c.change), p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := pickle.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		want := v.(*pickle.Dict)
		c.want(want)
		if g, w := sorted(t, got), sorted(t, pickled(t, want)); g != w {
			t.Errorf("%s:\n%q, want\n%q", name, g, w)
		}
	}
}

func set(t testing.TB, d *pickle.Dict, key, v pickle.Value) {
	t.Helper()
	if err := d.Set(key, v); err != nil {
		t.Fatal(err)
	}
}

// sorted returns the pickles of the values of a pickled dict, in the order of the names.
func sorted(t testing.TB, p []byte) string {
	t.Helper()
	v, err := pickle.Decode(p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range []string{"_flashes", "cart", "ordered", "gone", "kept"} {
		v, _ := v.(*pickle.Dict).Get(name)
		out = append(out, name+string(pickled(t, v)))
	}
	return strings.Join(out, "\n")
}

// A new record has nothing to take values from.
func TestNew(t *testing.T) {
	odd := object("Odd")
	doc := document(t, pickled(t, dict(t, "t", pickle.Tuple{int64(1)}, "o", odd, int64(3), "x")))
	got, err := pickledoc.ToPickle(doc, nil)
	want := pickled(t, dict(t, "t", list(int64(1)), "o", odd, int64(3), "x"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, error %v, want %x", got, err, want)
	}
}

// A document is bounded by the length of the pickle.
func TestBombs(t *testing.T) {
	for name, p := range map[string]string{
		"doublings":                "}Vk\n]q\x000" + strings.Repeat("]h\x00ah\x00aq\x000", 60) + "h\x00s.",
		"doublings of dicts":       "}Vk\n]q\x000" + strings.Repeat("}Va\nh\x00sVb\nh\x00sq\x000", 60) + "h\x00s.",
		"doublings of objects":     "}Vk\nNq\x000" + strings.Repeat("cm\nC\n)\x81h\x00ah\x00aq\x000", 60) + "h\x00s.",
		"a long text, often":       "}Vk\n]X\x00\x00\x10\x00" + strings.Repeat("x", 1<<20) + "q\x000(" + strings.Repeat("h\x00", 100) + "es.",
		"a long object, often":     "}Vk\n]cm\nf\nX\x00\x00\x10\x00" + strings.Repeat("x", 1<<20) + "K\x01\x86Rq\x000(" + strings.Repeat("h\x00", 100) + "es.",
		"a long key, often":        "}Vk\nX\x00\x00\x10\x00" + strings.Repeat("x", 1<<20) + "q\x000(" + strings.Repeat("}h\x00Ns", 100) + "ls.",
		"one within itself, often": "}Vk\n]q\x00(" + strings.Repeat("h\x00", 5000) + "es.",
	} {
		doc, err := pickledoc.FromPickle([]byte(p))
		if err != nil && !errors.Is(err, pickle.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if len(doc) > pickledoc.Limit(len(p)) {
			t.Errorf("%s: %d bytes became %d", name, len(p), len(doc))
		}
	}
}

func TestRefuses(t *testing.T) {
	if _, err := pickledoc.FromPickle([]byte("].")); !errors.Is(err, pickledoc.ErrNoDict) {
		t.Errorf("a list: error %v", err)
	}
	for _, doc := range []string{"", "\x80\x80", "[]", "x", "\x82\xa1a\x01\xa1a\x02", "\xdf\xff\xff\xff\xff", "\x81\xa1a\xd4\x50\xff", "\x81\xa1a\xd4\x07\x00"} {
		if p, err := pickledoc.ToPickle([]byte(doc), nil); err == nil {
			t.Errorf("%x became %x", doc, p)
		}
	}
}

func FuzzToPickle(f *testing.F) {
	for _, seed := range []string{"80047d948c0161944b01732e", "7d4b014b0173562e"} {
		p, _ := hex.DecodeString(seed)
		f.Add(p, []byte("\x81\xa1a\x02"))
	}
	f.Add([]byte("}Vk\ncm\nC\n)\x81}Va\nK\x01sbs."), []byte("\x81\xa1k\x81\xa1a\x02"))
	f.Add([]byte("}Vk\n(NNtsK\x01h."), []byte("\x82\xa1k\x92\xc0\xc0\x01\xc0"))
	f.Fuzz(func(t *testing.T, p, doc []byte) {
		own, err := pickledoc.FromPickle(p)
		if err == nil {
			back, err := pickledoc.ToPickle(own, p)
			if err != nil && !errors.Is(err, pickle.ErrTooLarge) {
				t.Fatalf("%x came from %x, and does not become it: %v", own, p, err)
			}
			if err == nil {
				if again, err := pickledoc.FromPickle(back); err != nil || !bytes.Equal(again, own) {
					t.Fatalf("%x became %x, and that %x, error %v", own, back, again, err)
				}
			}
		}
		if back, err := pickledoc.ToPickle(doc, p); err == nil {
			if _, err := pickledoc.FromPickle(back); err != nil && !errors.Is(err, pickle.ErrTooLarge) {
				t.Fatalf("%x became %x: %v", doc, back, err)
			}
		}
	})
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
