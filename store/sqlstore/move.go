package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// conn is the connection that a transaction has, or nil outside of one.
type conn = *sql.Conn

// Move implements [store.Mover], in a transaction of its own.
func (s *Store) Move(
	ctx context.Context, id string, old, seal store.Record, newID string, next store.Record,
) (store.Version, error) {
	err := s.with(ctx, next.Owner != "", func(q *queries) error {
		return s.move(ctx, q, id, old, seal, newID, next)
	})
	if err != nil {
		return "", s.failed(ctx, "move", err)
	}
	return version(next.Data), nil
}

func (s *Store) move(
	ctx context.Context, q *queries,
	id string, old, seal store.Record, newID string, next store.Record,
) error {
	err := errors.Join(q.fits(s, id, seal), q.fits(s, newID, next))
	if err == nil {
		old, err = s.withData(ctx, q, id, old)
	}
	if err != nil {
		return err
	}
	err = s.retry(ctx, func() error {
		return s.transact(ctx, func(on conn) error {
			replace := func() error { return s.replace(ctx, on, q, id, old, seal) }
			insert := func() error { return s.insert(ctx, on, q, newID, next) }
			// In the order of the ids, or two moves that cross would wait for each other.
			first, second := replace, insert
			if newID < id {
				first, second = insert, replace
			}
			if err := first(); err != nil {
				return err
			}
			return second()
		})
	})
	if errors.Is(err, errNoRow) {
		if _, err = s.load(ctx, q, id); err == nil {
			err = store.ErrConflict
		}
	}
	return err
}

// rollbackTime bounds what is done for a transaction after its context ended.
const rollbackTime = time.Second

// transact runs do in a transaction, which is rolled back if do fails. It uses statements instead
// of a [sql.Tx], since SQLite's must begin as a writer, and COMMIT must end with its context.
func (s *Store) transact(ctx context.Context, do func(conn) error) (err error) {
	on, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer on.Close() //nolint:errcheck // it goes back to the pool
	if _, err := on.ExecContext(ctx, s.d.begin()); err != nil {
		s.rollback(ctx, on)
		return err
	}
	if err := do(on); err != nil {
		s.rollback(ctx, on)
		return err
	}
	if _, err := on.ExecContext(ctx, "COMMIT"); err != nil {
		s.rollback(ctx, on)
		return sent{err}
	}
	return nil
}

// sent is an error of COMMIT, or of reading an answer: something was sent, so driver.ErrBadConn
// does not mean that it may be repeated.
type sent struct{ error }

func (e sent) Unwrap() error { return e.error }

// rollback ends a transaction that failed. If it cannot, it closes the connection, which ends it.
func (s *Store) rollback(ctx context.Context, on conn) {
	if ctx.Err() != nil && !s.d.rollsBackLocally() {
		discard(on)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	if _, err := on.ExecContext(ctx, "ROLLBACK"); err != nil && !s.d.noTransaction(err) {
		discard(on)
	}
}
