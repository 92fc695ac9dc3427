package memstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// scanFactor times its limit is how many places a page looks at: after a peak most are free, and a
// page may be short.
const scanFactor = 8

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

// Owned implements [store.OwnerLister]. A page has at most limit entries, or 10,000; zero means
// 100. It lists no entry without its record, because both are written in one step.
func (s *Store) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	now, err := s.check(ctx, "list by owner")
	if err != nil {
		return nil, "", err
	}
	pos := 0
	if cursor != "" {
		var err error
		if pos, err = strconv.Atoi(cursor); err != nil || pos < 0 {
			return nil, "", badCursor(cursor)
		}
	}
	if owner == "" {
		return nil, "", nil
	}
	refs, at := s.ownerPage(owner, pos, pageSize(limit))
	page := make([]store.Entry, 0, len(refs))
	for _, r := range refs {
		if e, ok := s.entry(r, now); ok && e.Record.Owner == owner {
			page = append(page, e)
		}
	}
	if at < 0 {
		return page, "", nil
	}
	return page, strconv.Itoa(at), nil
}

// entry returns the record at r, which may have changed since r was read; false if there is none.
func (s *Store) entry(r ref, now int64) (store.Entry, bool) {
	sh := &s.shards[r.shard()]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, _ = sh.notBefore(now)
	it := sh.at(r.slot())
	if it.version == "" || it.expires <= now {
		return store.Entry{}, false
	}
	return store.Entry{ID: sh.id(r.slot()), Record: it.record()}, true
}

// All implements [store.Lister]. Pages are as those of [Store.Owned].
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	now, err := s.check(ctx, "list")
	if err != nil {
		return nil, "", err
	}
	limit = pageSize(limit)
	n, slot, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	page := make([]store.Entry, 0, min(limit, s.Len()))
	for looked := 0; n < shardCount; n, slot = n+1, 0 {
		sh := &s.shards[n]
		sh.mu.Lock()
		now, _ := sh.notBefore(now)
		for ; slot < sh.used && len(page) < limit && looked < scanFactor*limit; slot++ {
			looked++
			if it := sh.at(slot); it.version != "" && it.expires > now {
				page = append(page, store.Entry{ID: sh.id(slot), Record: it.record()})
			}
		}
		done := slot >= sh.used
		sh.mu.Unlock()
		if !done {
			return page, formatCursor(n, slot), nil
		}
	}
	return page, "", nil
}

// Sweep implements [store.Sweeper]. It looks at up to limit records whose time may have come; zero
// means 100.
func (s *Store) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	now, err := s.check(ctx, "sweep")
	if err != nil {
		return 0, "", err
	}
	limit = pageSize(limit)
	n, _, err := parseCursor(cursor)
	if err != nil {
		return 0, "", err
	}
	total := 0
	for ; n < shardCount; n++ {
		removed, looked, more := s.sweepShard(n, now, limit)
		total += removed
		limit -= looked
		if more {
			return total, formatCursor(n, 0), nil
		}
	}
	return total, "", nil
}

// sweepShard removes expired records, looking at up to limit, and reports whether more are due.
func (s *Store) sweepShard(n int, now int64, limit int) (removed, looked int, more bool) {
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for ; len(sh.heap) > 0 && sh.heap[0].at <= now; looked++ {
		if looked >= limit {
			return removed, looked, true
		}
		first := &sh.heap[0]
		if it := sh.at(first.slot); it.expires > now { // touched since
			first.at = it.expires
			sh.down(0)
			continue
		}
		s.remove(n, first.slot)
		removed++
	}
	return removed, looked, false
}

func formatCursor(shard int, slot uint32) string {
	return strconv.Itoa(shard) + ":" + strconv.FormatUint(uint64(slot), 10)
}

func parseCursor(cursor string) (shard int, slot uint32, err error) {
	if cursor == "" {
		return 0, 0, nil
	}
	a, b, _ := strings.Cut(cursor, ":")
	x, errA := strconv.ParseUint(a, 10, 8)
	y, errB := strconv.ParseUint(b, 10, 32)
	if errA != nil || errB != nil {
		return 0, 0, badCursor(cursor)
	}
	return int(x), uint32(y), nil
}

func badCursor(cursor string) error { return fmt.Errorf("memstore: bad cursor %q", cursor) }
