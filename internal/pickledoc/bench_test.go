package pickledoc_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
)

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
