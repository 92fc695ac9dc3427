package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/queue"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// Manager gives requests their sessions. It is safe for concurrent use, holds nothing
// that must be closed, and does no work in the background but to end calls of the store
// in time. Make one with [New], usually one per site.
type Manager struct {
	store    store.FullStore
	options  Options
	commits  queue.ByID[state] // those of one session take turns
	limits   deadline.Watch
	bounds   document.Bounds
	reported reported
	places   reported // where sessions were used in vain
	several  throttle // of reports of several cookies
	flashes  throttle // of flash messages that were dropped
	now      func() time.Time
	realTime bool // now is time.Now
}

// New returns a manager of the sessions in store. It fails when options are inconsistent, and
// names the field and its value.
func New(st store.Store, options Options) (*Manager, error) {
	if st == nil {
		return nil, errors.New("cloakroom: New: the store is nil")
	}
	realTime := options.Now == nil
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	full := store.Complete(st)
	if options.Profile != nil {
		full = withoutOwners{full}
	}
	m := &Manager{
		store:    full,
		options:  options,
		bounds:   document.Bounds{Bytes: options.MaxBytes, Values: options.MaxValues, Foreign: options.Profile != nil},
		now:      options.Now,
		realTime: realTime,
	}
	m.commits.Init(func(st *state) { st.doc.Detach() })
	return m, nil
}

// Options returns the options in force, with their defaults filled in.
func (m *Manager) Options() Options { return m.options }

// Get returns the session of a request that passed through [Manager.Handler]. It does
// not load it yet. For any other request it returns a session whose every use fails
// with [ErrNoMiddleware].
func (m *Manager) Get(r *http.Request) *Session {
	return m.FromContext(r.Context())
}

// FromContext is Get for code that has only the request's context.
func (m *Manager) FromContext(ctx context.Context) *Session {
	if x, ok := ctx.Value(m).(*exchange); ok {
		return x.get()
	}
	s := m.newSession(ctx, nil, tickets{})
	s.own().err = ErrNoMiddleware
	return s
}

// clocks returns the time by both clocks: that of the timeouts, and the monotonic one.
// Reading one clock costs as much as a small allocation, so it is read once if that
// will do.
func (m *Manager) clocks() (now time.Time, ticks int64) {
	if m.realTime {
		now = time.Now()
		return now, deadline.At(now)
	}
	return m.now(), deadline.Now()
}

// load fills st with the live session stored under id, or returns ErrNotFound. A record
// that cannot be read is reported, once, and is ErrUnreadable; one whose absolute
// deadline has passed is none.
func (m *Manager) load(ctx context.Context, id string, st *state) error {
	return m.loadAt(ctx, id, st, m.now())
}

// loadAt is load for a caller that knows what time it is.
func (m *Manager) loadAt(ctx context.Context, id string, st *state, now time.Time) error {
	var err error
	if st.rec, err = m.store.Load(ctx, id); err != nil {
		st.rec = store.Record{}
		if errors.Is(err, ErrUnreadable) {
			m.reportUnreadable(ctx, id, withoutID{err, id})
			return ErrUnreadable
		}
		return err
	}
	st.id = id
	if m.decode(ctx, st) != nil {
		*st = state{}
		return ErrUnreadable
	}
	left := between(now, st.rec.Expires)
	if left <= 0 || st.doc.Over(now) {
		*st = state{}
		return ErrNotFound
	}
	st.due = due(left, m.idle(st.doc.Owner())) && m.slides()
	return nil
}

// decode is slice that reports a record that cannot be read.
func (m *Manager) decode(ctx context.Context, st *state) error {
	err := m.slice(st)
	if err != nil {
		m.reportUnreadable(ctx, st.id, &DecodeError{Err: err})
	}
	return err
}

// reportUnreadable logs, once, that a record cannot be read.
func (m *Manager) reportUnreadable(ctx context.Context, id string, err error) {
	if m.reported.first(id) {
		m.log(ctx, slog.LevelError, "stored record reads as no session", ticket.PublicID(id), err)
	}
}

// log reports what nobody is told otherwise.
func (m *Manager) log(ctx context.Context, level slog.Level, message, publicID string, err error, more ...slog.Attr) {
	attrs := make([]slog.Attr, 0, 2+len(more))
	if publicID != "" {
		attrs = append(attrs, slog.String("session", publicID))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	attrs = append(attrs, more...)
	m.options.Logger.LogAttrs(ctx, level, "cloakroom: "+message, attrs...)
}

// reported remembers what was reported, in bounded room.
type reported struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

const reportedKept = 4096

func (r *reported) first(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.ids[id]; known {
		return false
	}
	if r.ids == nil || len(r.ids) >= reportedKept {
		r.ids = make(map[string]struct{})
	}
	r.ids[id] = struct{}{}
	return true
}

// backoff waits before a commit is tried again: a random time that grows to about 16 ms.
func backoff(ctx context.Context, try int) error {
	d := randomDuration(200 * time.Microsecond << min(try, 6))
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errorAt(operation string, err error) error {
	return fmt.Errorf("cloakroom: %s: %w", operation, err)
}
