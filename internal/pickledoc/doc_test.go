package pickledoc_test

import (
	"bytes"
	"encoding/hex"
	"errors"
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

// What reading and writing a session of some size costs beside decoding its pickle.
func BenchmarkSession(b *testing.B) {
	items := list()
	for i := range 20 {
		items.Items = append(items.Items, dict(b, "sku", "A1", "name", "a coat of wool", "count", int64(i), "price", pickle.Decimal("9.99")))
	}
	p := pickled(b, dict(b, "_user_id", "ada", "_fresh", true, "cart", items, "_flashes", list(pickle.Tuple{"message", text("<b>")})))
	doc, err := pickledoc.FromPickle(p)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pickle.Decode(p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pickledoc.FromPickle(p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if out, err := pickledoc.ToPickle(doc, p); err != nil || len(out) == 0 {
				b.Fatal(err)
			}
		}
	})
}
