package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// Benchmark measures a store's operations, one caller at a time, at payloads of 100 bytes, 1 KB and
// 10 KB: loading, replacing, touching, and creating and deleting as a pair.
func Benchmark(b *testing.B, open func(testing.TB) cloakroom.Store) {
	s := open(b)
	ctx := b.Context()
	for _, n := range []int{100, 1_000, 10_000} {
		r := cloakroom.Record{Data: make([]byte, n), Expires: time.Now().Add(time.Hour).Truncate(time.Second)}
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
			new := r
			if i%2 == 0 { // never the data that is there
				new.Data = append([]byte(nil), r.Data...)
				new.Data[0]++
			}
			v, err := s.Replace(ctx, id, r, new)
			new.Version, r = v, new
			r.Version = v
			return err
		})
		run("create and delete", func(int) error {
			id := random()
			v, err := s.Create(ctx, id, cloakroom.Record{Data: r.Data, Expires: r.Expires})
			if err != nil {
				return err
			}
			return s.Delete(ctx, id, cloakroom.Record{Version: v, Expires: r.Expires})
		})
		if err := s.Delete(ctx, id, cloakroom.Record{}); err != nil {
			b.Fatal(err)
		}
	}
}
