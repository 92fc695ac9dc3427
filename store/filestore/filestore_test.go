package filestore_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func open(t testing.TB, dir string, opts filestore.Options) *filestore.Store {
	t.Helper()
	s, err := filestore.New(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	for _, noSync := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoSync=%v", noSync), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			handle := func(t testing.TB) store.Store { return open(t, dir, filestore.Options{NoSync: noSync}) }
			storetest.Run(t, storetest.Config{
				Abilities: []storetest.Ability{storetest.Owners, storetest.Lists, storetest.Sweeps},
				Damage:    func(id string) error { return os.WriteFile(recordPath(dir, id), []byte("damaged"), 0o600) },
				Open:      handle,
				Peer:      handle,
				Precision: time.Nanosecond,
			})
		})
	}
}

func BenchmarkStore(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		b.Run(fmt.Sprintf("NoSync=%v", noSync), func(b *testing.B) {
			dir := b.TempDir()
			storetest.Benchmark(b, func(t testing.TB) store.Store { return open(t, dir, filestore.Options{NoSync: noSync}) })
		})
	}
}
