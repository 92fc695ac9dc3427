package filestore_test

import (
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// Does the cost of an operation depend on how many sessions there are?
func BenchmarkBySize(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		s := open(b, b.TempDir(), filestore.Options{NoSync: true})
		ctx := b.Context()
		for i := range n {
			r := lasting("data")
			r.Owner = ""
			if _, err := s.Create(ctx, benchID(i), r); err != nil {
				b.Fatal(err)
			}
		}
		run := func(op string, f func(id string, r store.Record) error) {
			b.Run(fmt.Sprintf("%s/sessions=%d", op, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					id := benchID(i * 7919 % n)
					r, err := s.Load(ctx, id)
					if err == nil {
						err = f(id, r)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("load", func(string, store.Record) error { return nil })
		run("load and touch", func(id string, r store.Record) error { return s.Touch(ctx, id, r, r.Expires) })
		run("load and replace", func(id string, r store.Record) error {
			_, err := s.Replace(ctx, id, r, r)
			return err
		})
		run("load, delete and create", func(id string, r store.Record) error {
			if err := s.Delete(ctx, id, r); err != nil {
				return err
			}
			_, err := s.Create(ctx, id, r)
			return err
		})
	}
}

// benchID spreads over the shards, as the ids of the core do.
func benchID(n int) string { return fmt.Sprintf("%02x%062x", n%256, n) }
