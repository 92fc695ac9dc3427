package folder

import (
	"context"
	"log/slog"
	"sync"
)

// maxReported bounds the memory of a [Report]: with more paths it forgets them all.
const maxReported = 1000

// Report logs files that cannot be read, each once until it is repaired.
type Report struct {
	logger  *slog.Logger
	message string

	mu    sync.Mutex
	known map[string]bool
}

// NewReport returns a Report that logs a message with the file's path and the reason.
func NewReport(logger *slog.Logger, message string) *Report {
	return &Report{logger: logger, message: message, known: map[string]bool{}}
}

// Unreadable reports a file.
func (r *Report) Unreadable(ctx context.Context, path string, why error) {
	r.mu.Lock()
	known := r.known[path]
	if len(r.known) >= maxReported {
		clear(r.known)
	}
	r.known[path] = true
	r.mu.Unlock()
	if !known {
		r.logger.WarnContext(ctx, r.message, "path", path, "reason", why)
	}
}

// Repaired has the next damage of a file be reported again.
func (r *Report) Repaired(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, path)
}
