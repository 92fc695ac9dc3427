package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	maxTries = 12
	minPause = 2 * time.Millisecond
	maxPause = 100 * time.Millisecond

	// A database with one writer at a time has no queue for its lock, so a writer asks often, until
	// the context ends or about ten seconds have passed.
	oneWriterTries = 4000
	oneWriterPause = 3 * time.Millisecond
)

// retry calls write again after an error that may pass and after which nothing was written. It
// returns the last error.
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

// contended is the error of a call whose time was up after it had waited for other writers.
type contended struct{ error }

func (e contended) Unwrap() error { return e.error }

const (
	// maxRenewals is how often one call closes connections and tries again. The first new one
	// reaches the right server, but other calls may have given back old ones meanwhile.
	maxRenewals = 10

	// renewPause is for how long after that other calls do not try again: the address still leads
	// to the wrong server.
	renewPause = 200 * time.Millisecond
)

// renew closes the idle connections after a server has said that another one should be asked, as a
// demoted primary does: they would be used as long as they are healthy, and serve reads, while a
// new connection leads where the address leads by now. It reports whether the call, for which this
// is the n-th time, may try again.
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

// pause waits after a try, longer after each, and reports whether another may follow.
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
	// A driver returns ErrBadConn if nothing was sent; but before a COMMIT or an answer,
	// something was.
	return errors.Is(err, driver.ErrBadConn) && !errors.As(err, new(sent))
}

// failed adds to an error the operation, the table, and the sentinel of what the database refused.
func (s *Store) failed(ctx context.Context, op string, err error) error {
	if err == nil || err == ErrClosed { //nolint:errorlint // our own, unwrapped
		return err
	}
	if isSentinel(err) && !errors.As(err, new(*storeError)) {
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
		e.ended = ctx.Err() // a driver may say only that its connection was closed
	}
	if s.waitedForWriter(ctx, err) {
		e.hint = waitingForWriter
	}
	return e
}

const waitingForWriter = "; other connections were in use meanwhile: does the handler hold a" +
	" transaction or rows of the same database while it answers?"

// waitedForWriter reports whether a call of SQLite has probably waited in vain for a connection or
// for the writer's lock. A handler that holds either while it answers waits for itself.
func (s *Store) waitedForWriter(ctx context.Context, err error) bool {
	if !s.d.oneWriter() || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false
	}
	return s.d.transient(err) || errors.As(err, new(contended)) || s.db.Stats().InUse > 0
}

var sentinels = []error{
	store.ErrNotFound, store.ErrRefused, store.ErrConflict, store.ErrExists, store.ErrTooLarge,
	store.ErrFull, errors.ErrUnsupported,
}

func isSentinel(err error) bool {
	return slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) })
}

// unfit says why the table cannot be used. Nothing was written.
type unfit string

func (e unfit) Error() string { return string(e) }

// storeError is a failure with its operation and place. Its text quotes no data; its
// cause may.
type storeError struct {
	op, place string
	d         dialect
	cause     error
	sentinel  error // of an error that means that nothing was written; or nil
	ended     error // the context's error, if that is the reason; or nil
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

// sqlState returns the SQLSTATE of an error of pgx or lib/pq, or "".
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

// numberAfter returns the number that follows a word in an error's text, or 0.
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
