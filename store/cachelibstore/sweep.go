package cachelibstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

const (
	defaultBatch = 100
	maxBatch     = 10_000
	perCall      = 10_000           // files that a call to Sweep looks at
	tempPrefix   = "tmp"            // as Python's tempfile has it
	tempAge      = 15 * time.Minute // a temporary file that is older was left behind by a crash
)

// Sweep implements [store.Sweeper]. A call removes at most limit files, or 10,000; zero
// means 100. It reads the names of the whole folder, keeps 10,000 of them at most, and
// looks at the expiries of these. Besides expired sessions it removes temporary files
// older than 15 minutes, Python's too, which do not count. Files that cannot be read
// are removed when they have expired. What cannot be removed is passed over: the error
// joins what went wrong, and next is where to go on.
func (s *Store) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	if limit <= 0 {
		limit = defaultBatch
	}
	limit = min(limit, maxBatch)
	names, more, err := s.namesAfter(ctx, cursor)
	if err != nil {
		return 0, "", failed("sweep", err)
	}
	removed, last := 0, ""
	var failures []error
	defer func() { s.count(context.WithoutCancel(ctx), -removed) }()
	for _, name := range names {
		if removed+len(failures) == limit {
			more = true
			break
		}
		if err := ctx.Err(); err != nil {
			return removed, "", failed("sweep", errors.Join(append(failures, err)...))
		}
		gone, err := s.sweepFile(ctx, filepath.Join(s.dir, name))
		if err != nil {
			failures = append(failures, err)
		}
		if gone {
			removed++
		}
		last = name
	}
	if !more {
		last = ""
	}
	return removed, last, failed("sweep", errors.Join(failures...))
}

// namesAfter returns the first perCall names of sessions that sort after the one given,
// sorted, and whether there are more. It removes old temporary files on the way when
// the listing begins.
func (s *Store) namesAfter(
	ctx context.Context, after string,
) (names []string, more bool, err error) {
	f, err := os.Open(s.dir)
	if err != nil {
		return nil, false, folder.IgnoreMissing(err)
	}
	defer f.Close()
	for {
		page, err := f.Readdirnames(1000)
		for _, name := range page {
			if after == "" {
				s.sweepTemp(name)
			}
			if name > after && s.uses(kind(name)) {
				names = append(names, name)
			}
		}
		if len(names) > 2*perCall || err != nil {
			slices.Sort(names)
			if len(names) > perCall {
				names, more = names[:perCall], true
			}
		}
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			return names, more, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// sweepTemp removes a file if it is an old temporary one.
func (s *Store) sweepTemp(name string) {
	if !strings.HasPrefix(name, tempPrefix) || !strings.HasSuffix(name, tempSuffix) {
		return
	}
	path := filepath.Join(s.dir, name)
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && s.opts.Now().Sub(info.ModTime()) > tempAge {
		os.Remove(path)
	}
}

// sweepFile removes a file that has expired.
func (s *Store) sweepFile(ctx context.Context, path string) (removed bool, err error) {
	if !s.expiredAt(path) { // before the lock is taken
		return false, nil
	}
	unlock, err := s.locks.Lock(ctx, shard(path))
	if err != nil {
		return false, err
	}
	defer unlock()
	if !s.expiredAt(path) {
		return false, nil
	}
	switch err := folder.Remove(ctx, path); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	s.unreadable.Repaired(path)
	return true, nil
}

// expiredAt reads no more of a file than its expiry.
func (s *Store) expiredAt(path string) bool {
	b, err := readHead(path)
	if err != nil {
		return false
	}
	_, expires, _, err := split(b)
	return err == nil && (&file{expires: expires}).expired(s.opts.Now())
}

// count adds to the counters by which versions of cachelib know when there are more
// files than their threshold. There is none where the threshold is 0. Nothing here
// depends on it, so a failure is only reported.
func (s *Store) count(ctx context.Context, delta int) {
	for _, h := range []Hash{SHA256, MD5} {
		if !s.uses(h) || delta == 0 {
			continue
		}
		path := s.counter(h)
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := s.addCount(ctx, place{h, path}, delta); folder.IgnoreMissing(err) != nil {
			s.unreadable.Unreadable(ctx, path, err)
		}
	}
}

// addCount keeps the form and the time of the counter, which tell what Python does.
func (s *Store) addCount(ctx context.Context, at place, delta int) error {
	unlock, err := s.locks.Lock(ctx, shard(at.path))
	if err != nil {
		return err
	}
	defer unlock()
	info, err := os.Lstat(at.path)
	if err != nil {
		return err
	}
	b, err := readHead(at.path) // it is short
	if err != nil {
		return err
	}
	form, value, err := add(b, int64(delta))
	if err != nil {
		return err
	}
	temp, err := s.writeTemp(form, never, value, info.ModTime())
	if err != nil {
		return err
	}
	if err := folder.Rename(ctx, temp, at.path, false); err != nil {
		os.Remove(temp)
		return err
	}
	return nil
}

// add returns a counter with delta more.
func add(counter []byte, delta int64) (form, []byte, error) {
	f, _, at, err := split(counter)
	if err != nil {
		return 0, nil, err
	}
	value := counter[at:]
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return formJSON, strconv.AppendInt(nil, max(n+delta, 0), 10), nil
	}
	v, err := pickle.Decode(value)
	if err != nil {
		return 0, nil, err
	}
	n, ok := v.(int64)
	if !ok {
		return 0, nil, fmt.Errorf("the counter is a %T", v)
	}
	value, err = pickle.Append(nil, max(n+delta, 0))
	return f, value, err
}
