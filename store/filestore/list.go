package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

// All implements [store.Lister]. A page comes from at most limit files, or 10,000; zero
// means 100.
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	entry := func(path string) (store.Entry, error) {
		r, err := s.live(ctx, filepath.Base(path))
		return store.Entry{ID: r.id, Record: r.Record}, err
	}
	page, next, err := s.list(ctx, s.sessions, cursor, limit, entry)
	return page, next, failed("list", err)
}

// list returns a page of what entry makes of files below root, but for ErrNotFound.
func (s *Store) list(
	ctx context.Context, root, cursor string, limit int,
	entry func(path string) (store.Entry, error),
) (page []store.Entry, next string, err error) {
	next, err = s.walk(ctx, root, cursor, limit, func(path string, err error) error {
		if err != nil || !folder.IsName(filepath.Base(path)) {
			return err
		}
		e, err := entry(path)
		switch {
		case err == nil:
			page = append(page, e)
		case errors.Is(err, store.ErrNotFound):
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}

// A cursor is the path, within the store's folder, of the file that was visited last.
var cursorPattern = regexp.MustCompile(`^(sessions|owners)/[0-9a-f]{2}/`)

// walk visits at most limit files below root in the order of their paths, those after
// cursor, and returns where to go on. Paths sort, so a cursor stays good whatever comes
// and goes. A folder that cannot be read is visited with the error.
func (s *Store) walk(
	ctx context.Context, root, cursor string, limit int, visit func(path string, err error) error,
) (next string, err error) {
	if cursor != "" && !cursorPattern.MatchString(cursor) {
		return "", fmt.Errorf("bad cursor %q", cursor)
	}
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 10_000)
	last, more := "", false
	root += separator // follows a link, see Options.TrustFolder
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		at := strings.Trim(filepath.ToSlash(path[len(s.dir):]), "/")
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return visit(path, err)
		case d.IsDir() && at < cursor && !strings.HasPrefix(cursor, at+"/"):
			return fs.SkipDir
		case d.IsDir() || at <= cursor || !cursorPattern.MatchString(at):
			return nil
		case limit == 0:
			more = true
			return fs.SkipAll
		}
		last = at
		limit--
		return visit(path, nil)
	})
	if err != nil || !more {
		return "", err
	}
	return last, nil
}

const (
	tempPrefix = ".tmp-"
	tempAge    = 15 * time.Minute // a temporary file that is older was left behind by a crash
)

// Sweep implements [store.Sweeper]. A call examines about limit files, or 10,000; zero
// means 100. Besides expired records it removes damaged files, temporary files older than
// 15 minutes, and index entries without a record that are older than [store.IndexGrace]. A file
// of a later format stays: a newer release beside this one reads it.
// Only expired and damaged records count as removed. What cannot be removed is passed
// over: the error joins what went wrong, and next is where to go on.
func (s *Store) Sweep(
	ctx context.Context, cursor string, limit int,
) (removed int, next string, err error) {
	var failures []error
	visit := func(path string, err error) error {
		gone := false
		if err == nil {
			gone, err = s.sweepFile(ctx, path)
		}
		if gone {
			removed++
		}
		if err != nil && ctx.Err() == nil {
			failures = append(failures, err)
			return nil
		}
		return err
	}
	if next, err = s.walk(ctx, s.owners, cursor, limit, visit); next == "" && err == nil {
		next, err = s.walk(ctx, s.sessions, cursor, limit, visit)
	}
	return removed, next, failed("sweep", errors.Join(append(failures, err)...))
}

// sweepFile removes what is not needed any more, and reports whether that was a record.
func (s *Store) sweepFile(ctx context.Context, path string) (removed bool, err error) {
	name := filepath.Base(path)
	switch {
	case strings.HasPrefix(name, tempPrefix) && s.isOlder(path, tempAge):
		os.Remove(path)
	case !folder.IsName(name):
	case path == s.path(name) && isOver(s.live(ctx, name)) == nil:
		err = s.remove(ctx, name, "", isOver)
		if removed = err == nil; errors.Is(err, store.ErrNotFound) {
			err = nil
		}
	case !strings.HasPrefix(path, s.owners) || folder.IsThere(s.path(name)):
	case s.isOlder(path, store.IndexGrace):
		s.purge(ctx, path)
	}
	return removed, err
}

// isOver returns nil for what live returns of a record that has expired or a damaged file.
func isOver(r record, err error) error {
	damaged := errors.Is(err, store.ErrUnreadable) && !errors.Is(err, errLater)
	if damaged || errors.Is(err, store.ErrNotFound) && r.Version != "" {
		return nil
	}
	return store.ErrNotFound
}
