package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// args returns the parameters that every statement about one record has.
func (s *Store) args(id string) *args {
	return &args{id: s.opts.Prefix + id, now: s.opts.Now()}
}

// Load implements [store.Store]. A row whose data is NULL, or text in SQLite, or whose expiry is no
// time, cannot be read.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	s.sweeper.request()
	var r store.Record
	err := s.with(ctx, false, func(q *queries) (err error) {
		if q.loadMany == nil || !q.fitsID(s, id) {
			r, err = s.load(ctx, q, id)
			return err
		}
		r, err = shared(ctx, s.loads, request{id: id, q: q})
		return err
	})
	if err != nil {
		return store.Record{}, s.failed(ctx, "load", err)
	}
	return r, nil
}

func (s *Store) load(ctx context.Context, q *queries, id string) (store.Record, error) {
	var data blob
	var expires instant
	if !q.fitsID(s, id) {
		return store.Record{}, store.ErrNotFound
	}
	found := false
	forget := func() { found = false }
	err := s.query(ctx, q.load, s.args(id), forget, func(scan func(...any) error) error {
		found = true
		return scan(&data, &expires)
	})
	switch {
	case err != nil:
		return store.Record{}, err
	case !found:
		return store.Record{}, store.ErrNotFound
	}
	return record(data, expires)
}

// record returns the record of a live row.
func record(data blob, expires instant) (store.Record, error) {
	if data.none || !expires.valid {
		return store.Record{}, store.ErrUnreadable
	}
	return store.Record{Data: data.bytes, Expires: expires.time, Version: version(data.bytes)}, nil
}

// blob scans data.
type blob struct {
	bytes []byte
	none  bool // NULL, or of another type
}

// Scan implements [sql.Scanner].
func (b *blob) Scan(v any) error {
	switch v := v.(type) {
	case []byte:
		*b = blob{bytes: bytes.Clone(v)}
	case string:
		*b = blob{bytes: []byte(v)}
	default:
		*b = blob{none: true}
	}
	return nil
}

// fitsID reports whether an id fits into its column. MySQL outside of strict mode would truncate
// it.
func (q *queries) fitsID(s *Store, id string) bool {
	return len(s.opts.Prefix)+len(id) <= q.shape.idMax
}

// fits returns ErrTooLarge for what the columns do not hold.
func (q *queries) fits(s *Store, id string, r store.Record) error {
	switch {
	case len(r.Data) > q.shape.dataMax:
		return tooLarge("data", len(r.Data), q.shape.dataMax)
	case !q.fitsID(s, id):
		return tooLarge("an id with its prefix", len(s.opts.Prefix)+len(id), q.shape.idMax)
	case len(r.Owner) > 64:
		return tooLarge("an owner", len(r.Owner), 64)
	}
	return nil
}

func tooLarge(what string, size, most int) error {
	return fmt.Errorf("%w: %s of %d bytes, the most is %d", store.ErrTooLarge, what, size, most)
}

// expiry returns a time as the column keeps it, rounded down.
func (q *queries) expiry(t time.Time) time.Time { return t.UTC().Truncate(q.shape.step) }

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	s.sweeper.request()
	err := s.with(ctx, r.Owner != "", func(q *queries) error {
		if err := q.fits(s, id, r); err != nil {
			return err
		}
		return s.retry(ctx, func() error { return s.insert(ctx, nil, q, id, r) })
	})
	if err != nil {
		return "", s.failed(ctx, "create", err)
	}
	return version(r.Data), nil
}

// insert creates a record, which may take an expired one's place.
func (s *Store) insert(ctx context.Context, on conn, q *queries, id string, r store.Record) error {
	a := s.args(id)
	a.new, a.expires, a.owner = r.Data, q.expiry(r.Expires), r.Owner
	if s.d.upsert() {
		n, err := s.exec(ctx, on, q.insert, a)
		if err == nil && n == 0 {
			err = store.ErrExists
		}
		return err
	}
	for range 3 { // in case others create it and it expires meanwhile
		if _, err := s.exec(ctx, on, q.insert, a); err == nil || !s.d.duplicate(err) {
			return err
		}
		if n, err := s.exec(ctx, on, q.take, a); err != nil || n > 0 {
			return err
		}
		if on != nil {
			break
		}
		switch taken, err := s.taken(ctx, q, a); {
		case err != nil:
			return err
		case taken == a.id:
			return store.ErrExists
		case taken != "":
			return errOtherID
		}
	}
	return store.ErrExists
}

var errOtherID = unfit(
	"the column session_id takes different ids for equal: give it a binary collation")

// taken returns the id of the live row that is in the way, or "".
func (s *Store) taken(ctx context.Context, q *queries, a *args) (taken string, err error) {
	forget := func() { taken = "" }
	err = s.query(ctx, q.taken, a, forget, func(scan func(...any) error) error {
		return scan(&taken)
	})
	return taken, err
}

// errNoRow means that a statement changed no row, so nothing was written.
var errNoRow = errors.New("no row was changed")

// change runs a statement that changes one row, and returns errNoRow if it did not.
func (s *Store) change(ctx context.Context, on conn, st *statement, a *args) error {
	n, err := s.exec(ctx, on, st, a)
	if err == nil && n == 0 {
		err = errNoRow
	}
	return err
}

// Replace implements [store.Store]. It recognises old by its data.
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	err := s.with(ctx, next.Owner != "", func(q *queries) error {
		if err := q.fits(s, id, next); err != nil {
			return err
		}
		old, err := s.withData(ctx, q, id, old)
		if err != nil {
			return err
		}
		r := request{id: id, q: q, old: &old, next: &next}
		if q.replaceMany == nil || !q.fitsID(s, id) || len(old.Data)+len(next.Data) > maxShared {
			err = s.replaceOne(ctx, r).err
		} else {
			_, err = shared(ctx, s.replaces, r)
		}
		if errors.Is(err, errNoRow) {
			err = s.why(ctx, q, id, old, next)
		}
		return err
	})
	if err != nil {
		return "", s.failed(ctx, "replace", err)
	}
	return version(next.Data), nil
}

func (s *Store) replace(
	ctx context.Context, on conn, q *queries, id string, old, next store.Record,
) error {
	if !q.fitsID(s, id) {
		return errNoRow
	}
	a := s.args(id)
	a.old, a.new, a.expires, a.owner = old.Data, next.Data, q.expiry(next.Expires), next.Owner
	return s.change(ctx, on, q.replace, a)
}

// withData returns old with the data of its version, which it usually has.
func (s *Store) withData(
	ctx context.Context, q *queries, id string, old store.Record,
) (store.Record, error) {
	if old.Version == "" || version(old.Data) == old.Version {
		return old, nil
	}
	r, err := s.load(ctx, q, id)
	if err == nil && r.Version != old.Version {
		err = store.ErrConflict
	}
	old.Data = r.Data
	return old, err
}

// why returns why a replacement changed no row: there is none, or another. MySQL also counts no row
// if old and next are the same to the byte; then nothing is wrong.
func (s *Store) why(ctx context.Context, q *queries, id string, old, next store.Record) error {
	r, err := s.load(ctx, q, id)
	unchanged := bytes.Equal(r.Data, next.Data) && bytes.Equal(old.Data, next.Data) &&
		r.Expires.Equal(q.expiry(next.Expires))
	if err == nil && !unchanged {
		err = store.ErrConflict
	}
	return err
}

// Touch implements [store.Store]. It also sets the owner of a record that was stored before the
// table had the column.
func (s *Store) Touch(ctx context.Context, id string, r store.Record, expires time.Time) error {
	err := s.with(ctx, r.Owner != "", func(q *queries) error {
		if !q.fitsID(s, id) {
			return store.ErrNotFound
		}
		return s.touch(ctx, q, id, r.Owner, expires)
	})
	return s.failed(ctx, "touch", err)
}

func (s *Store) touch(ctx context.Context, q *queries, id, owner string, expires time.Time) error {
	var err error
	for range 3 { // in case others touch it meanwhile
		err = s.retry(ctx, func() error {
			a := s.args(id)
			a.expires, a.owner = q.expiry(expires), owner
			return s.change(ctx, nil, q.touch, a)
		})
		if !errors.Is(err, errNoRow) {
			break
		}
		// MySQL also counts no row if the expiry stays the same, as after a touch in the same
		// second in a column of whole seconds.
		var present store.Record
		present, err = s.load(ctx, q, id)
		if err != nil || present.Expires.Equal(q.expiry(expires)) {
			break
		}
	}
	return err
}

// Delete implements [store.Store]. It recognises r by its data.
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	err := s.with(ctx, false, func(q *queries) error {
		if !q.fitsID(s, id) {
			return store.ErrNotFound
		}
		r, err := s.withData(ctx, q, id, r)
		if err != nil {
			return err
		}
		return s.remove(ctx, q, id, r)
	})
	return s.failed(ctx, "delete", err)
}

func (s *Store) remove(ctx context.Context, q *queries, id string, r store.Record) error {
	st := q.remove
	if r.Version != "" {
		st = q.removeOld
	}
	err := s.retry(ctx, func() error {
		a := s.args(id)
		a.old = r.Data
		return s.change(ctx, nil, st, a)
	})
	if errors.Is(err, errNoRow) {
		err = store.ErrNotFound
		if r.Version != "" {
			if _, err = s.load(ctx, q, id); err == nil {
				err = store.ErrConflict
			}
		}
	}
	return err
}
