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

	"github.com/cloakroom-go/cloakroom"
)

const (
	maxTries = 12
	minPause = 2 * time.Millisecond
	maxPause = 100 * time.Millisecond

	// A database with one writer at a time keeps nobody's place in a queue, so whoever waits asks often, and until the
	// context ends or about ten seconds have passed.
	oneWriterTries = 4000
	oneWriterPause = 3 * time.Millisecond
)

// retry calls write until it does not fail with an error after which nothing was written and which may pass. The last
// try's error is returned.
func (s *Store) retry(ctx context.Context, write func() error) error {
	if s.gate != nil {
		select {
		case s.gate <- struct{}{}:
			defer func() { <-s.gate }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for try := 1; ; try++ {
		err := write()
		if err == nil || !s.transient(err) || !s.pause(ctx, try) {
			return err
		}
	}
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
	// A driver says ErrBadConn when nothing was sent; but before a COMMIT or an answer, something was.
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
	if e.sentinel == nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		e.ended = ctx.Err() // a driver may say that its connection was closed
	}
	return e
}

func isSentinel(err error) bool {
	for _, sentinel := range []error{cloakroom.ErrNotFound, cloakroom.ErrConflict, cloakroom.ErrExists, cloakroom.ErrTooLarge, cloakroom.ErrFull, errors.ErrUnsupported} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// storeError is a failure with its operation and place. Its text quotes no data; its cause may.
type storeError struct {
	op, place string
	d         dialect
	cause     error
	sentinel  error // what it means, if it means that nothing was written
	ended     error // the context's error, if that is behind it
}

func (e *storeError) Error() string {
	text := fmt.Sprintf("sqlstore: %s in %s: ", e.op, e.place)
	if e.ended != nil {
		text += e.ended.Error() + ": "
	}
	if e.sentinel != nil {
		text += e.sentinel.Error() + ": "
	}
	return text + e.d.text(e.cause)
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

// numberAfter returns the number that follows a word in the text of an error or of one that it wraps, or 0.
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
