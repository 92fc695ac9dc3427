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
	"github.com/cloakroom-go/cloakroom/store"
)

// Stores with one bug each, for the checker to find.

// lastWins replaces whatever record is there: lost updates.
type lastWins struct{ store.FullStore }

func (s lastWins) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	for {
		v, err := s.FullStore.Replace(ctx, id, old, next)
		if !errors.Is(err, cloakroom.ErrConflict) {
			return v, err
		}
		if old, err = s.Load(ctx, id); err != nil {
			return "", err
		}
	}
}

// resurrecting creates a record that was deleted before it could be replaced.
type resurrecting struct{ store.FullStore }

func (s resurrecting) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	v, err := s.FullStore.Replace(ctx, id, old, next)
	if errors.Is(err, cloakroom.ErrNotFound) {
		return s.Create(ctx, id, next)
	}
	return v, err
}

// copying leaves the old record alive when it is moved: a ticket that survives the sign-in.
type copying struct{ store.FullStore }

func (s copying) Move(
	ctx context.Context, _ string, _, _ store.Record, newID string, next store.Record,
) (store.Version, error) {
	return s.Create(ctx, newID, next)
}

// unlisted forgets owners, so that revoking finds nothing.
type unlisted struct{ store.FullStore }

func (s unlisted) Owned(context.Context, string, string, int) ([]store.Entry, string, error) {
	return nil, "", nil
}

// undeleting acknowledges deletions and makes none.
type undeleting struct{ store.FullStore }

func (undeleting) Delete(context.Context, string, store.Record) error { return nil }

// adopting makes a session of a ticket that was never handed out.
type adopting struct {
	store.FullStore
	latest *atomic.Pointer[store.Record] // the last one created
}

func (s adopting) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	s.latest.Store(&r)
	return s.FullStore.Create(ctx, id, r)
}

func (s adopting) Load(ctx context.Context, id string) (store.Record, error) {
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

// forgetful hides the latest commit id of a record, so that a commit whose answer was
// lost is applied twice.
type forgetful struct{ store.FullStore }

func (s forgetful) Load(ctx context.Context, id string) (store.Record, error) {
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

// stubborn serves a record as it first loaded it: a cache that misses invalidations.
type stubborn struct {
	store.FullStore
	seen *sync.Map
}

func (s stubborn) Load(ctx context.Context, id string) (store.Record, error) {
	if r, ok := s.seen.Load(id); ok {
		return r.(store.Record), nil
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

// clearing clears the cookie of a request that found no session, such as a slow one that
// a sign-in overtook.
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
