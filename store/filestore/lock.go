package filestore

import (
	"context"
	"strconv"
)

// lock takes the lock of a shard and returns how to give it back.
func (s *Store) lock(ctx context.Context, shard string) (unlock func(), err error) {
	n, err := strconv.ParseUint(shard, 16, 8)
	if err != nil {
		return nil, err
	}
	return s.locks.Lock(ctx, byte(n))
}
