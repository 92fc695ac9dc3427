package growth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Overhead returns how many bytes the memory store takes for each of n records beyond
// the record's data: its id, expiry, version and what finds it. The data fill a size of
// the allocator, since rounding up is not the store's.
func Overhead(ctx context.Context, n int) (float64, error) {
	const data = 128
	st, err := memstore.New(memstore.Options{SweepEvery: -1})
	if err != nil {
		return 0, err
	}
	defer func() { _ = st.Close() }()
	before, _ := heap()
	expires := time.Now().Add(lifetime)
	for range n {
		id := make([]byte, 32)
		_, _ = rand.Read(id)
		r := store.Record{Data: make([]byte, data), Expires: expires}
		if _, err := st.Create(ctx, hex.EncodeToString(id), r); err != nil {
			return 0, err
		}
	}
	after, _ := heap()
	if st.Len() != n {
		return 0, cloakroom.ErrFull
	}
	return float64(after-before)/float64(n) - data, nil
}
