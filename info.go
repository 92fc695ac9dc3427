package cloakroom

import (
	"log/slog"
	"slices"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

// IsNew reports whether the session has no record: the browser sent no ticket, or an
// unknown one, and nothing was committed yet.
func (s *Session) IsNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ensure() == nil && !s.state.Stored()
}

// loadedOwner is Owner that loads nothing.
func (s *Session) loadedOwner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == unloaded || s.phase == finished {
		return ""
	}
	return string(s.m.policy.OwnerIn(s.view()))
}

// ID returns what a session may be called in public: 22 characters, derived one-way
// from its ticket, safe to show and to log, and what [Manager.Revoke] takes. It changes
// with the ticket. It is empty for a session that has no record.
func (s *Session) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ensure() != nil || !s.state.Stored() {
		return ""
	}
	return ticket.PublicID(s.state.ID)
}

// String names the session by its public ID: printing a session, in any way, reveals no
// ticket. It loads nothing.
func (s *Session) String() string {
	if !s.mu.TryLock() { // a logger may print a session that is at work
		return "cloakroom.Session(busy)"
	}
	defer s.mu.Unlock()
	return "cloakroom.Session(" + s.loadedIDLocked() + ")"
}

// LogValue implements [slog.LogValuer]: a session is logged by its public ID. It loads
// nothing.
func (s *Session) LogValue() slog.Value {
	if !s.mu.TryLock() { // see String
		return slog.StringValue("busy")
	}
	defer s.mu.Unlock()
	return slog.StringValue(s.loadedIDLocked())
}

// GoString is String.
func (s *Session) GoString() string { return s.String() }

// Owner returns whose session it is: the name that it was signed in with, or "".
func (s *Session) Owner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ensure() != nil {
		return ""
	}
	return string(s.m.policy.OwnerIn(s.view()))
}

// CreatedAt returns when the session began, to the microsecond, the zero time if that
// is not known.
func (s *Session) CreatedAt() time.Time {
	return s.noted((*document.Document).Created)
}

// AuthenticatedAt returns when its owner signed in last, the zero time for a session
// that is anonymous. Compare it to the current time to ask for a password again
// (ASVS 5.0 7.5.3).
func (s *Session) AuthenticatedAt() time.Time {
	return s.noted((*document.Document).Authenticated)
}

// Deadline returns when the session ends however much it is used.
func (s *Session) Deadline() time.Time {
	return s.noted((*document.Document).Deadline)
}

func (s *Session) noted(when func(*document.Document) time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ensure() != nil {
		return time.Time{}
	}
	return when(s.view())
}

// ExpiresAt returns when the session ends unless it is used again: its idle timeout or its
// absolute deadline, whichever comes first.
func (s *Session) ExpiresAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ensure() != nil {
		return time.Time{}
	}
	expires := s.state.Record.Expires
	if !s.state.Stored() {
		expires = s.m.engine.Now().Add(s.m.engine.Idle(s.view().Owner()))
	}
	return earlier(expires, s.view().Deadline())
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Names returns the names of the session's values as this request sees them, sorted: what
// a [Key] has set, without flash messages. It is for code that keeps values under names that
// only its caller knows, such as an adapter of another session API.
func (s *Session) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ensure() != nil {
		return nil
	}
	names := s.view().Names()
	slices.Sort(names)
	return names
}

// IsPersistent reports whether the cookie outlives the browser.
func (s *Session) IsPersistent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ensure() == nil && s.view().Persistent()
}
