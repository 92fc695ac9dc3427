package filestore

import (
	"context"
	"encoding/hex"
)

// lock takes the lock of a shard and returns how to give it back.
func (s *Store) lock(ctx context.Context, shard string) (unlock func(), err error) {
	n, err := hex.DecodeString(shard)
	if err != nil {
		return nil, err
	}
	return s.locks.Lock(ctx, n[0])
}
