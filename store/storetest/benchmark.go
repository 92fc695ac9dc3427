package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Benchmark measures a store's operations, one caller at a time, at payloads of 100
// bytes, 1 KB and 10 KB: loading, replacing, touching, and creating and deleting as a
// pair.
func Benchmark(b *testing.B, open func(testing.TB) store.Store) {
	s := open(b)
	ctx := b.Context()
	for _, n := range []int{100, 1_000, 10_000} {
		expires := time.Now().Add(time.Hour).Truncate(time.Second)
		r := store.Record{Data: make([]byte, n), Expires: expires}
		id := random()
		var err error
		if r.Version, err = s.Create(ctx, id, r); err != nil {
			b.Fatal(err)
		}
		run := func(op string, f func(i int) error) {
			b.Run(fmt.Sprintf("%s/bytes=%d", op, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := f(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("load", func(int) error {
			got, err := s.Load(ctx, id)
			if err == nil && len(got.Data) != n {
				err = errors.New("loaded other data")
			}
			return err
		})
		run("touch", func(int) error { return s.Touch(ctx, id, r, r.Expires) })
		run("replace", func(i int) error {
			next := r
			if i%2 == 0 { // never the data that is there
				next.Data = append([]byte(nil), r.Data...)
				next.Data[0]++
			}
			v, err := s.Replace(ctx, id, r, next)
			next.Version, r = v, next
			r.Version = v
			return err
		})
		run("create and delete", func(int) error {
			id := random()
			v, err := s.Create(ctx, id, store.Record{Data: r.Data, Expires: r.Expires})
			if err != nil {
				return err
			}
			return s.Delete(ctx, id, store.Record{Version: v, Expires: r.Expires})
		})
		if err := s.Delete(ctx, id, store.Record{}); err != nil {
			b.Fatal(err)
		}
	}
}
