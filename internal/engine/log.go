package engine

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
)

// Log logs what no caller is told otherwise, with the public id of a session and an
// error where there are any.
func (e *Engine) Log(
	ctx context.Context, level slog.Level, message, publicID string, err error, more ...slog.Attr,
) {
	attrs := make([]slog.Attr, 0, 2+len(more))
	if publicID != "" {
		attrs = append(attrs, slog.String("session", publicID))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	attrs = append(attrs, more...)
	e.config.Logger.LogAttrs(ctx, level, "cloakroom: "+message, attrs...)
}

// First reports whether it is called with a key for the first time, as far as it
// remembers: some thousands of keys.
func (e *Engine) First(key string) bool { return e.reported.first(key) }

// reported remembers what was logged, in bounded room.
type reported struct {
	mu   sync.Mutex
	keys map[string]struct{}
}

const reportedKept = 4096

func (r *reported) first(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.keys[key]; known {
		return false
	}
	if r.keys == nil || len(r.keys) >= reportedKept {
		r.keys = make(map[string]struct{})
	}
	r.keys[key] = struct{}{}
	return true
}

// withoutID returns an error that says and is what err does, but for the store's id, which
// a store may name as a file or a key.
func withoutID(err error, id string) error {
	return nameless{strings.ReplaceAll(err.Error(), id, "..."), func(target error) bool {
		return errors.Is(err, target)
	}}
}

// nameless keeps the error that it stands for where no printer finds it.
type nameless struct {
	text string
	is   func(error) bool
}

func (n nameless) Error() string { return n.text }

// Is serves [errors.Is].
func (n nameless) Is(target error) bool { return n.is(target) }
