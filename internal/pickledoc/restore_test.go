package pickledoc_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
)

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
