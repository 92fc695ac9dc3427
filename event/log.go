package event

import (
	"context"
	"log/slog"
)

// Log returns a listener that logs each event, as an audit log does: with the message
// "session " and its kind, at level Info, or Warn for Dropped and Unreadable. The
// attributes session, former, owner, reason, actor, count, ip, userAgent and error are
// left out where they are zero, and count where it is one.
//
//	sessions, err := cloakroom.New(store, cloakroom.Options{Events: event.Log(logger)})
func Log(logger *slog.Logger) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		level := slog.LevelInfo
		if e.Kind == Dropped || e.Kind == Unreadable {
			level = slog.LevelWarn
		}
		attrs := make([]slog.Attr, 0, 9)
		for _, a := range []struct{ name, text string }{
			{"session", e.Session}, {"former", e.Former}, {"owner", e.Owner},
			{"actor", e.Actor}, {"ip", e.IP}, {"userAgent", e.UserAgent},
		} {
			if a.text != "" {
				attrs = append(attrs, slog.String(a.name, a.text))
			}
		}
		if e.Reason != 0 {
			attrs = append(attrs, slog.String("reason", e.Reason.String()))
		}
		if e.Count > 1 {
			attrs = append(attrs, slog.Int("count", e.Count))
		}
		if e.Err != nil {
			attrs = append(attrs, slog.Any("error", e.Err))
		}
		logger.LogAttrs(ctx, level, "session "+e.Kind.String(), attrs...)
	}
}
