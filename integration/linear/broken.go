package linear

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// Stores with one bug each, for the checker to find.

// lastWins replaces whatever is there: lost updates.
type lastWins struct{ cloakroom.FullStore }

func (s lastWins) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	for {
		v, err := s.FullStore.Replace(ctx, id, old, new)
		if !errors.Is(err, cloakroom.ErrConflict) {
			return v, err
		}
		if old, err = s.Load(ctx, id); err != nil {
			return "", err
		}
	}
}

// resurrecting creates a record again that was deleted before it could be replaced.
type resurrecting struct{ cloakroom.FullStore }

func (s resurrecting) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	v, err := s.FullStore.Replace(ctx, id, old, new)
	if errors.Is(err, cloakroom.ErrNotFound) {
		return s.Create(ctx, id, new)
	}
	return v, err
}

// copying leaves the old record alive when it is moved: a ticket that survives the sign-in.
type copying struct{ cloakroom.FullStore }

func (s copying) Move(ctx context.Context, id string, old, _ cloakroom.Record, newID string, new cloakroom.Record) (cloakroom.Version, error) {
	return s.Create(ctx, newID, new)
}

// unlisted forgets owners, so that revoking finds nothing.
type unlisted struct{ cloakroom.FullStore }

func (s unlisted) Owned(context.Context, string, string, int) ([]cloakroom.Entry, string, error) {
	return nil, "", nil
}

// undeleting acknowledges deletions and makes none.
type undeleting struct{ cloakroom.FullStore }

func (undeleting) Delete(context.Context, string, cloakroom.Record) error { return nil }

// adopting takes a ticket that nobody was handed out for a session.
type adopting struct {
	cloakroom.FullStore
	latest *atomic.Pointer[cloakroom.Record] // that was created
}

func (s adopting) Create(ctx context.Context, id string, r cloakroom.Record) (cloakroom.Version, error) {
	s.latest.Store(&r)
	return s.FullStore.Create(ctx, id, r)
}

func (s adopting) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	r, err := s.FullStore.Load(ctx, id)
	like := s.latest.Load()
	if !errors.Is(err, cloakroom.ErrNotFound) || like == nil {
		return r, err
	}
	if _, err := s.FullStore.Create(ctx, id, *like); err != nil {
		return r, err
	}
	return s.FullStore.Load(ctx, id)
}

// forgetful hides the latest commit id of a record, by which a commit whose answer was lost would know
// that it was applied: it is applied twice.
type forgetful struct{ cloakroom.FullStore }

func (s forgetful) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	r, err := s.FullStore.Load(ctx, id)
	const head, idBytes = "\xa7commits\xc4", 8 // they come last
	at := bytes.LastIndex(r.Data, []byte(head)) + len(head)
	if err != nil || at < len(head) || r.Data[at] < idBytes {
		return r, err
	}
	r.Data = bytes.Clone(r.Data[:len(r.Data)-idBytes])
	r.Data[at] -= idBytes
	return r, nil
}

// stubborn serves what it loaded once, whatever became of it since: a cache that misses invalidations.
type stubborn struct {
	cloakroom.FullStore
	seen *sync.Map
}

func (s stubborn) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	if r, ok := s.seen.Load(id); ok {
		return r.(cloakroom.Record), nil
	}
	r, err := s.FullStore.Load(ctx, id)
	if err == nil {
		s.seen.Store(id, r)
	}
	return r, err
}

// Sites with one bug each.

// lateCommit answers a plain set before it is committed.
func lateCommit(site http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind(r.URL.Query().Get("kind")) != put {
			site.ServeHTTP(w, r)
			return
		}
		go func() {
			time.Sleep(2 * time.Millisecond)
			site.ServeHTTP(httptest.NewRecorder(), r.Clone(context.WithoutCancel(r.Context())))
		}()
		_ = json.NewEncoder(w).Encode(answer{})
	})
}

// clearing clears the cookie of whoever's session was not found: that of a slow request, which a sign-in has replaced.
func clearing(site http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := httptest.NewRecorder()
		site.ServeHTTP(inner, r)
		if strings.Contains(inner.Body.String(), `"gone":true`) {
			inner.Header().Add("Set-Cookie", "session=; Max-Age=0")
		}
		maps.Copy(w.Header(), inner.Header())
		w.WriteHeader(inner.Code)
		_, _ = w.Write(inner.Body.Bytes())
	})
}
