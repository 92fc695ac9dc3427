package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/store"
)

// Manager gives requests their sessions. It is safe for concurrent use, holds nothing
// that must be closed, and does no work in the background but to end calls of the store
// in time. Make one with [New], usually one per site.
type Manager struct {
	engine  *engine.Engine
	policy  engine.Policy
	options Options
	several throttle // of reports of several cookies
	flashes throttle // of flash messages that were dropped
}

// New returns a manager of the sessions in store. It fails when options are inconsistent, and
// names the field and its value.
func New(st store.Store, options Options) (*Manager, error) {
	if st == nil {
		return nil, errors.New("cloakroom: New: the store is nil")
	}
	now := options.Now
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Manager{options: options, policy: engine.Own(options.Application, options.FormerTickets)}
	if options.Profile != nil {
		m.policy = options.Profile.policy()
		options.AnonymousIdle = options.Idle // a shared session has one timeout
	}
	m.engine = engine.New(engine.Config{
		Store: st, Policy: m.policy, Format: options.Format, Application: options.Application,
		Persistent: options.Persistent, Idle: options.Idle, AnonymousIdle: options.AnonymousIdle,
		Lifetime: options.Lifetime, Timeout: options.Timeout,
		MaxBytes: options.MaxBytes, MaxValues: options.MaxValues, Now: now, Logger: options.Logger,
	})
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

func errorAt(operation string, err error) error {
	return fmt.Errorf("cloakroom: %s: %w", operation, err)
}
