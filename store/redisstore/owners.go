package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// index writes the entry of id in the index of next's owner, unless old's entry is the same. Call
// it before the record is written, so that the index never misses a live session.
func (s *Store) index(ctx context.Context, id string, old, next store.Record) error {
	if next.Owner == "" || next.Owner == old.Owner && next.Deadline.Equal(old.Deadline) {
		return nil
	}
	until := int64(0) // never, if the deadline is unknown
	if !next.Deadline.IsZero() {
		until = max(millis(next.Deadline), millis(next.Expires))
	}
	_, err := s.run(ctx, indexScript, []string{s.ownerKey(next.Owner)},
		id, decimal(until), decimal(2*store.IndexGrace.Milliseconds()))
	return err
}

// unindex removes the entry of id, whose record is gone or has another owner. If that fails, a
// listing removes it later.
func (s *Store) unindex(ctx context.Context, id, owner string) {
	if owner == "" {
		return
	}
	s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Hdel().Key(s.ownerKey(owner)).Field(id).Build())
	})
}

// indexed is an entry of an owner's index.
type indexed struct{ id, entry string }

// forgettable reports whether the entry may be removed if it has no record: it belongs to no commit
// under way, or is not an entry of ours.
func (x indexed) forgettable(now int64) bool {
	written, _, _ := strings.Cut(x.entry, ":")
	ms, err := strconv.ParseInt(written, 10, 64)
	return err != nil || now-ms > store.IndexGrace.Milliseconds()
}

// Owned implements [store.OwnerLister]. A page has about limit entries, at most 1,000; zero means
// 100. An owner of few sessions, 128 by Redis's default settings, gets one page. Entries without a
// record that are older than [store.IndexGrace] are removed.
func (s *Store) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	from, process, err := parseOwnedCursor(cursor)
	if err != nil || owner == "" {
		return nil, "", err
	}
	key := s.ownerKey(owner)
	res := s.read(ctx, scanScript, key, from, process, strconv.Itoa(pageSize(limit)))
	next, ids, now, err := scanned(res)
	if err != nil {
		return nil, "", failedIndex("list by owner", err)
	}
	keys := make([]string, len(ids))
	for i, x := range ids {
		keys[i] = s.key(x.id)
	}
	records, damaged, err := s.loadAll(ctx, keys)
	if err != nil {
		return nil, "", failed("list by owner", err)
	}
	page := make([]store.Entry, 0, len(ids))
	var stale []string
	for i, x := range ids {
		switch r := records[i]; {
		case r.Version != "":
			r.Owner = owner
			page = append(page, store.Entry{ID: x.id, Record: r})
		case !damaged[i] && x.forgettable(now):
			stale = append(stale, x.id, x.entry)
		default:
			page = append(page, store.Entry{ID: x.id})
		}
	}
	if len(stale) > 0 {
		_, _ = s.run(ctx, pruneScript, []string{key}, stale...) // or the next listing does
	}
	return page, next, nil
}

// scanned reads the result of scanScript.
func scanned(res rueidis.RedisResult) (next string, ids []indexed, now int64, err error) {
	parts, err := res.ToArray()
	if err != nil {
		return "", nil, 0, err
	}
	if len(parts) != 4 {
		return "", nil, 0, errors.New("the script returned something else")
	}
	cursor, err1 := parts[0].ToString()
	process, err2 := parts[1].ToString()
	now, err3 := parts[2].AsInt64()
	flat, err4 := parts[3].AsStrSlice()
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return "", nil, 0, err
	}
	for i := 0; i+1 < len(flat); i += 2 {
		ids = append(ids, indexed{flat[i], flat[i+1]})
	}
	if cursor != "0" {
		next = cursor + ":" + process
	}
	return next, ids, now, nil
}

func parseOwnedCursor(cursor string) (from, process string, err error) {
	if cursor == "" {
		return "0", "", nil
	}
	from, process, ok := strings.Cut(cursor, ":")
	if _, err := strconv.ParseUint(from, 10, 64); err != nil || !ok {
		return "", "", badCursor(cursor)
	}
	return from, process, nil
}

// loadAll loads records in one trip to each node. One that is missing has an empty version; one
// that cannot be read is damaged, too.
func (s *Store) loadAll(
	ctx context.Context, keys []string,
) (records []store.Record, damaged []bool, err error) {
	records, damaged = make([]store.Record, len(keys)), make([]bool, len(keys))
	if len(keys) == 0 {
		return records, damaged, nil
	}
	results, err := s.callAll(ctx, func(ctx context.Context) []rueidis.RedisResult {
		cmds := make([]rueidis.Completed, 0, 2*len(keys))
		for _, k := range keys {
			get, expires := s.loading(k)
			cmds = append(cmds, get, expires)
		}
		return s.client.DoMulti(ctx, cmds...)
	})
	if err != nil {
		return nil, nil, err // the context ended
	}
	for i := range records {
		r, err := pair(results[2*i], results[2*i+1])
		damaged[i] = wrongType(err)
		if err != nil && !damaged[i] && !errors.Is(err, store.ErrNotFound) {
			return nil, nil, err
		}
		records[i] = r
	}
	return records, damaged, nil
}

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

func badCursor(cursor string) error { return fmt.Errorf("redisstore: bad cursor %q", cursor) }
