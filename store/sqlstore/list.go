package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

func pageSize(limit, otherwise, most int) int {
	if limit <= 0 {
		return otherwise
	}
	return min(limit, most)
}

// Owned implements [store.OwnerLister]. A page is of at most limit rows, or 1,000; zero means 100.
// It returns [errors.ErrUnsupported] while the table has no owner column.
func (s *Store) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	var page []store.Entry
	next := ""
	err := s.with(ctx, false, func(q *queries) (err error) {
		if !q.shape.owner {
			q, err = s.look(ctx) // it may have been migrated
		}
		switch {
		case err != nil:
			return err
		case !q.shape.owner:
			return errors.ErrUnsupported
		case owner == "":
			return nil
		}
		page, next, err = s.list(ctx, q.owned, &args{owner: owner}, cursor, limit)
		return err
	})
	for i := range page {
		if page[i].Record.Version != "" {
			page[i].Record.Owner = owner
		}
	}
	return page, next, s.failed(ctx, "list by owner", err)
}

// All implements [store.Lister]. A page is of at most limit rows, or 1,000; zero means 100. It
// leaves [store.Record.Owner] empty.
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	var page []store.Entry
	next := ""
	err := s.with(ctx, false, func(q *queries) (err error) {
		page, next, err = s.list(ctx, q.all, &args{}, cursor, limit)
		return err
	})
	page = slices.DeleteFunc(page, func(e store.Entry) bool { return e.Record.Version == "" })
	return page, next, s.failed(ctx, "list", err)
}

// list reads a page of rows in the order of their keys, expired ones too, so that the limit bounds
// its cost. A record that cannot be read is an entry without one.
func (s *Store) list(
	ctx context.Context, st *statement, a *args, cursor string, limit int,
) ([]store.Entry, string, error) {
	limit = pageSize(limit, defaultPage, maxPage)
	a.limit, a.now = limit, s.opts.Now()
	var number int64
	var text string
	key := any(&number)
	a.after = number
	if s.opts.Layout == FlaskPostgres {
		key, a.after = &text, strings.TrimPrefix(cursor, "/")
	} else if cursor != "" {
		var err error
		if number, err = strconv.ParseInt(cursor, 10, 64); err != nil {
			return nil, "", errors.New("bad cursor")
		}
		a.after = number
	}
	var page []store.Entry
	rows := 0
	err := s.query(ctx, st, a, func() { page, rows = nil, 0 }, func(scan func(...any) error) error {
		var id string
		var data blob
		var expires instant
		if err := scan(&id, &data, &expires, key); err != nil {
			return err
		}
		rows++
		id, ours := strings.CutPrefix(id, s.opts.Prefix)
		switch {
		case !ours:
		case expires.valid && !expires.time.After(a.now):
		case !expires.valid && data.none: // it counts as expired
		default:
			r, _ := record(data, expires) // empty if it cannot be read
			page = append(page, store.Entry{ID: id, Record: r})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, "", err
	case rows < limit:
		return page, "", nil
	case s.opts.Layout == FlaskPostgres:
		return page, "/" + text, nil
	}
	return page, strconv.FormatInt(number, 10), nil
}

// Sweep implements [store.Sweeper]. One statement removes at most limit rows, or 10,000; zero means
// 100. It finds them by the index on expiry, if there is one. PostgreSQL skips rows that another
// process is removing; the others wait until that is done.
func (s *Store) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	pages := 0
	if cursor != "" {
		var err error
		if pages, err = strconv.Atoi(cursor); err != nil {
			return 0, "", s.failed(ctx, "sweep", errors.New("bad cursor"))
		}
	}
	limit = pageSize(limit, defaultPage, maxBatch)
	removed := 0
	err := s.with(ctx, false, func(q *queries) error {
		for _, st := range []*statement{q.sweep, q.sweepNull} {
			if removed >= limit {
				break
			}
			a := &args{now: s.opts.Now(), limit: limit - removed}
			var n int64
			err := s.retry(ctx, func() (err error) {
				n, err = s.exec(ctx, nil, st, a)
				return err
			})
			if err != nil {
				return err
			}
			removed += int(n)
		}
		return nil
	})
	if err != nil {
		return removed, "", s.failed(ctx, "sweep", err)
	}
	if removed < limit {
		return removed, "", nil
	}
	return removed, strconv.Itoa(pages + 1), nil
}
