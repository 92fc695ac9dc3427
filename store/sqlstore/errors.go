package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	maxTries = 12
	minPause = 2 * time.Millisecond
	maxPause = 100 * time.Millisecond

	// A database with one writer at a time keeps nobody's place in a queue, so whoever
	// waits asks often, and until the context ends or about ten seconds have passed.
	oneWriterTries = 4000
	oneWriterPause = 3 * time.Millisecond
)

// retry calls write until it does not fail with an error after which nothing was
// written and which may pass. The last try's error is returned.
func (s *Store) retry(ctx context.Context, write func() error) error {
	if s.gate != nil {
		select {
		case s.gate <- struct{}{}:
			defer func() { <-s.gate }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var before error
	for try, renewed := 1, 0; ; try++ {
		if before != nil && ctx.Err() != nil {
			return contended{before}
		}
		err := write()
		switch {
		case err == nil:
			return nil
		case before != nil && ctx.Err() != nil:
			return contended{err}
		case s.d.otherServer(err):
			if renewed++; !s.renew(ctx, renewed) {
				return err
			}
		case !s.transient(err) || !s.pause(ctx, try):
			return err
		default:
			before = err
		}
	}
}

// contended is the error of a call whose time was up after others had been in its way.
type contended struct{ error }

func (e contended) Unwrap() error { return e.error }

const (
	// maxRenewals is how often one call closes connections and tries again. The first
	// new one reaches the right server, but other calls may have given back some of the
	// old ones meanwhile.
	maxRenewals = 10

	// renewPause is for how long after that others, which find the same, do not try again: the
	// address leads to the wrong server still.
	renewPause = 200 * time.Millisecond
)

// renew closes the connections that are idle, among them the one whose server has just
// said that it is the wrong one by now, as a primary does that was demoted: where the
// address leads to the new one, a new connection does too. They would be used again for
// as long as they are healthy, and serve reads. It reports whether the call, whose n-th
// time this is, may try again.
func (s *Store) renew(ctx context.Context, n int) bool {
	for range s.db.Stats().Idle {
		on, err := s.db.Conn(ctx)
		if err != nil {
			return false
		}
		discard(on)
	}
	now := int64(time.Since(s.started))
	if n > maxRenewals {
		s.misled.Store(now)
		return false
	}
	last := s.misled.Load()
	return ctx.Err() == nil && (last == 0 || n > 1 || now-last > int64(renewPause))
}

// pause waits after a try, longer after each, and reports whether there may be another.
func (s *Store) pause(ctx context.Context, try int) bool {
	d, most := min(minPause<<min(try-1, 16), maxPause), maxTries
	if s.d.oneWriter() {
		d, most = oneWriterPause, oneWriterTries
	}
	if try >= most {
		return false
	}
	select {
	case <-time.After(d/2 + rand.N(d)):
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Store) transient(err error) bool {
	if s.d.transient(err) {
		return true
	}
	// A driver says ErrBadConn when nothing was sent; but before a COMMIT or an answer,
	// something was.
	return errors.Is(err, driver.ErrBadConn) && !errors.As(err, new(sent))
}

// failed says which operation failed, and where.
func (s *Store) failed(ctx context.Context, op string, err error) error {
	if err == nil || err == ErrClosed || isSentinel(err) && !errors.As(err, new(*storeError)) { //nolint:errorlint // our own, unwrapped
		return err
	}
	if s.closed.Load() {
		return ErrClosed
	}
	e := &storeError{op: op, place: s.place, d: s.d, cause: err, sentinel: s.d.refusal(err)}
	if errors.As(err, new(unfit)) {
		e.sentinel = store.ErrRefused
	}
	if (e.sentinel == nil || s.d.transient(err)) && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		e.ended = ctx.Err() // a driver may say that its connection was closed
	}
	if s.waitedForWriter(ctx, err) {
		e.hint = waitingForWriter
	}
	return e
}

const waitingForWriter = "; other connections were in use meanwhile: does the handler hold a transaction or rows of the same" +
	" database while it answers?"

// waitedForWriter reports whether a call of SQLite has probably waited in vain for a
// connection, or for the lock that one writer at a time has. A handler that holds
// either while it answers waits for itself.
func (s *Store) waitedForWriter(ctx context.Context, err error) bool {
	if !s.d.oneWriter() || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false
	}
	return s.d.transient(err) || errors.As(err, new(contended)) || s.db.Stats().InUse > 0
}

func isSentinel(err error) bool {
	for _, sentinel := range []error{store.ErrNotFound, store.ErrRefused, store.ErrConflict, store.ErrExists, store.ErrTooLarge, store.ErrFull, errors.ErrUnsupported} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// unfit says why a table cannot be used. Nothing was written.
type unfit string

func (e unfit) Error() string { return string(e) }

// storeError is a failure with its operation and place. Its text quotes no data; its
// cause may.
type storeError struct {
	op, place string
	d         dialect
	cause     error
	sentinel  error // what it means, if it means that nothing was written
	ended     error // the context's error, if that is behind it
	hint      string
}

func (e *storeError) Error() string {
	text := fmt.Sprintf("sqlstore: %s in %s: ", e.op, e.place)
	if e.ended != nil {
		text += e.ended.Error() + ": "
	}
	if e.sentinel != nil {
		text += e.sentinel.Error() + ": "
	}
	return text + e.d.text(e.cause) + e.hint
}

func (e *storeError) Unwrap() []error {
	list := []error{e.cause}
	for _, err := range []error{e.sentinel, e.ended} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// sqlState returns the SQLSTATE of an error by the method that pgx and lib/pq have, or "".
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// sqlClass returns the first two characters of the SQLSTATE of an error, or "".
func sqlClass(err error) string {
	if state := sqlState(err); len(state) == 5 {
		return state[:2]
	}
	return ""
}

// numberAfter returns the number that follows a word in the text of an error or of one
// that it wraps, or 0.
func numberAfter(err error, word string) int {
	_, rest, found := strings.Cut(err.Error(), word)
	if !found {
		return 0
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	number, _ := strconv.Atoi(rest[:n])
	return number
}

// discard closes a connection instead of giving it back to the pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
