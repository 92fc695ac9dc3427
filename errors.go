package cloakroom

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/store"
)

// What a store reports and a handler can meet: the errors of package store, the same values.
var (
	// ErrNotFound means that there is no session of that id.
	ErrNotFound = store.ErrNotFound

	// ErrConflict means that others kept changing the session for as long as a commit
	// may take.
	ErrConflict = store.ErrConflict

	// ErrTooLarge means that the session exceeds [Options.MaxBytes] or what the store keeps.
	ErrTooLarge = store.ErrTooLarge

	// ErrFull means that the store has no room for another session.
	ErrFull = store.ErrFull

	// ErrRefused means that the store's server refused, did nothing, and will refuse
	// again: it takes no writes, has no such table, does not grant the right, or is not
	// ready.
	ErrRefused = store.ErrRefused

	// ErrUnreadable means that a session is stored that cannot be read: it is damaged,
	// or a newer version wrote it. It wraps [ErrNotFound]. A request with such a
	// session has none, keeps its cookie, and what it changes is dropped;
	// [Session.Logout], [Session.Login] and [Session.Clear] end the session.
	ErrUnreadable = store.ErrUnreadable
)

// What a [Session] or a [Manager] returns besides.
var (
	// ErrEnded means that the session was signed out, was revoked, expired or moved to
	// a new ticket after this request had begun to use it. What the request changed was
	// dropped.
	ErrEnded = engine.ErrEnded

	// ErrFinished means that a session was used after its handler returned, or after Close.
	ErrFinished = errors.New("cloakroom: session used after its request was finished")

	// ErrHeaderSent means that a change needs a new cookie when the response's header
	// is gone already.
	ErrHeaderSent = errors.New("cloakroom: the response has begun, so a new ticket cannot be " +
		"handed out any more")

	// ErrInvalidKey means that the name of a [Key] is reserved, empty, longer than 255
	// bytes or not UTF-8.
	ErrInvalidKey = document.ErrInvalidName

	// ErrNoMiddleware means that a session was asked for in a request that did not pass
	// through [Manager.Handler].
	ErrNoMiddleware = errors.New("cloakroom: request did not pass through Manager.Handler")

	// ErrUnknownOutcome means that a commit may or may not have been stored: the store
	// failed in the middle, and what it holds now does not tell.
	ErrUnknownOutcome = engine.ErrUnknownOutcome
)

// reportVain logs, once for each place in the program, that a session was used in vain:
// without the middleware, or by a goroutine that went on after the handler. Values read
// as absent then and are stored nowhere, and few callers look at Err.
func (s *Session) reportVain(err error) {
	if !errors.Is(err, ErrNoMiddleware) && !errors.Is(err, ErrFinished) {
		return
	}
	if place := caller(); s.m.engine.First(place) {
		const message = "session used in vain"
		s.m.engine.Log(s.ctx(), slog.LevelError, message, "", err, slog.String("at", place))
	}
}

var ownPackage = reflect.TypeFor[Session]().PkgPath() + "."

// caller returns the function that called this package, with its file and line.
func caller() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !more || !strings.HasPrefix(f.Function, ownPackage) {
			return fmt.Sprintf("%s (%s:%d)", f.Function, filepath.Base(f.File), f.Line)
		}
	}
}
