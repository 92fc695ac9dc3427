package cloakroom

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
)

// reportVain logs, once for each place in the program, that a session was used in vain:
// without the middleware, or by a goroutine that went on after the handler. Values read
// as absent then and are stored nowhere, and few callers look at Err.
func (s *Session) reportVain(err error) {
	if !errors.Is(err, ErrNoMiddleware) && !errors.Is(err, ErrFinished) {
		return
	}
	if place := caller(); s.m.engine.First(place) {
		s.m.engine.Log(s.ctx(), slog.LevelError, "session used in vain", "", err, slog.String("at", place))
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
