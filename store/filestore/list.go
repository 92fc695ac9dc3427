package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/internal/rawfile"
	"github.com/cloakroom-go/cloakroom/store"
)

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

// namesAfter returns the names in a folder that sort after the one given, sorted.
func namesAfter(folder, after string) ([]string, error) {
	f, err := os.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // an owner's folder may go while it is read
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n <= after })
	slices.Sort(names)
	return names, nil
}

// walk visits at most limit files of the shards' folders under root, from cursor on,
// and returns where to go on. Names sort, so a cursor stays good whatever comes and
// goes. A folder that cannot be read is visited with the error instead of a name.
func (s *Store) walk(ctx context.Context, root, cursor string, limit int, visit func(folder, name string, err error) error) (string, error) {
	start, after, err := parseCursor(cursor)
	if err != nil {
		return "", err
	}
	for i := start; i < shardCount; i++ {
		folder := filepath.Join(s.dir, root, shardName(i))
		names, err := namesAfter(folder, after)
		if err != nil {
			err = visit(folder, "", err)
		}
		if err != nil {
			return "", err
		}
		after = ""
		for _, name := range names {
			if limit == 0 {
				return shardName(i) + "/" + after, nil
			}
			if err := ctx.Err(); err != nil {
				return "", err
			}
			if err := visit(folder, name, nil); err != nil {
				return "", err
			}
			after = name
			limit--
		}
		after = ""
	}
	return "", nil
}

func parseCursor(cursor string) (shard int, after string, err error) {
	if cursor == "" {
		return 0, "", nil
	}
	hex, after, ok := strings.Cut(cursor, "/")
	if _, err := fmt.Sscanf(hex, "%02x", &shard); err != nil || !ok || hex != shardName(shard) || shard < 0 || shard >= shardCount {
		return 0, "", fmt.Errorf("bad cursor %q", cursor)
	}
	return shard, after, nil
}

// All implements [store.Lister]. A page comes from at most limit files, or 10,000; zero
// means 100.
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	var page []store.Entry
	next, err := s.walk(ctx, "sessions", cursor, pageSize(limit), func(_, name string, err error) error {
		if err != nil || !isName(name) {
			return err
		}
		r, err := s.live(ctx, name, withData)
		if err == nil {
			page = append(page, store.Entry{ID: r.id, Record: r.record()})
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, "", failed("list", err)
	}
	return page, next, nil
}

// Sweep implements [store.Sweeper]. A call examines at most limit files, or 10,000; zero means 100.
// Besides expired records it removes damaged files, temporary files older than 15 minutes, and index entries
// without a record that are older than [store.IndexGrace]. Only expired and damaged records count as
// removed. What cannot be removed is passed over: the error joins what went wrong, and next is where to go on.
func (s *Store) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	removed := 0
	var failures []error
	pass := func(err error) error { // over what failed, unless ctx ended
		if err != nil && ctx.Err() == nil {
			failures = append(failures, err)
			return nil
		}
		return err
	}
	limit = pageSize(limit)
	root, at, _ := strings.Cut(cursor, ":")
	var err error
	switch root {
	case "", "sessions":
		at, err = s.walk(ctx, "sessions", at, limit, func(folder, name string, err error) error {
			gone := false
			if err == nil {
				gone, err = s.sweepFile(ctx, folder, name)
			}
			if gone {
				removed++
			}
			return pass(err)
		})
		if root = "sessions"; at == "" {
			root, at = "owners", ""
		}
	case "owners":
		if at, err = s.sweepOwners(ctx, at, limit, pass); at == "" {
			root = ""
		}
	default:
		err = fmt.Errorf("bad cursor %q", cursor)
	}
	if err != nil || root == "" {
		return removed, "", failed("sweep", errors.Join(append(failures, err)...))
	}
	return removed, root + ":" + at, failed("sweep", errors.Join(failures...))
}

func (s *Store) sweepFile(ctx context.Context, folder, name string) (removed bool, err error) {
	if strings.HasPrefix(name, tempPrefix) {
		return false, s.sweepTemp(ctx, folder, name)
	}
	if !isName(name) || shardOf(name) != filepath.Base(folder) || !s.sweepable(name) {
		return false, nil
	}
	unlock, err := s.lock(ctx, shardOf(name))
	if err != nil {
		return false, err
	}
	defer unlock()
	// this reports a damaged one
	if _, err := s.locked(ctx, name, withoutData); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	before, _ := s.read(name, withoutData)
	err = rawfile.Retry(ctx, func() error { return os.Remove(s.path(name)) })
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.repaired(s.path(name))
	s.unindex(before.owner, name)
	return true, nil
}

// sweepTemp removes a temporary file, or what is kept to be written over, unless it is young.
func (s *Store) sweepTemp(ctx context.Context, folder, name string) error {
	path := filepath.Join(folder, name)
	if !s.tooOld(path, tempAge) {
		return nil
	}
	unlock, err := s.lock(ctx, filepath.Base(folder))
	if err != nil {
		return err
	}
	defer unlock()
	if s.tooOld(path, tempAge) { // and not written over since
		os.Remove(path)
	}
	return nil
}

// sweepable reports whether a file looks expired or damaged, before its lock is taken.
func (s *Store) sweepable(name string) bool {
	r, err := s.read(name, withoutData)
	return err == nil && r.expires <= s.now() || isDamaged(err) && isRegular(s.path(name))
}

// sweepOwners purges entries without a record, and counts entries and owners against
// limit. Its cursor is shard/owner/entry: the last entry seen of that owner. Each
// shard's names are read once a call.
//
// What cannot be read is told to pass, whose error ends the call.
func (s *Store) sweepOwners(ctx context.Context, cursor string, limit int, pass func(error) error) (string, error) {
	rest, entry := "", ""
	if cursor != "" {
		i := strings.LastIndexByte(cursor, '/')
		if i < 0 {
			return "", fmt.Errorf("bad cursor %q", cursor)
		}
		rest, entry = cursor[:i], cursor[i+1:]
	}
	shard, owner, err := parseCursor(rest)
	if err != nil {
		return "", err
	}
	for ; shard < shardCount; shard, owner, entry = shard+1, "", "" {
		folder := filepath.Join(s.dir, "owners", shardName(shard))
		owners, err := namesAfter(folder, "")
		if err := pass(err); err != nil {
			return "", err
		}
		for _, name := range owners {
			if name < owner || !isName(name) {
				continue
			}
			if name != owner { // another than the one that the cursor was in
				owner, entry = name, ""
			}
			if err := ctx.Err(); err != nil {
				return "", err
			}
			entries, err := namesAfter(filepath.Join(folder, owner), entry)
			if err := pass(err); err != nil {
				return "", err
			}
			for _, e := range entries {
				if limit <= 0 {
					return shardName(shard) + "/" + owner + "/" + entry, nil
				}
				limit--
				entry = e
				s.sweepEntry(ctx, filepath.Join(folder, owner), e)
			}
			limit-- // an owner counts too
		}
	}
	return "", nil
}

func (s *Store) sweepEntry(ctx context.Context, folder, name string) {
	if !isName(name) || !s.tooOld(filepath.Join(folder, name), store.IndexGrace) {
		return
	}
	if _, err := os.Lstat(s.path(name)); errors.Is(err, fs.ErrNotExist) {
		s.purge(ctx, "", folder, name)
	}
}
