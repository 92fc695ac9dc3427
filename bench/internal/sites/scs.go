package sites

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// GoRedisPool bounds the connections of go-redis. With 64 clients its default, ten for
// each processor, is slower, and so were all other numbers that we tried.
const GoRedisPool = 128

// SCS is scs twice: with its defaults, under the name "scs", and with JSON instead of
// encoding/gob.
func SCS(storeName string, store scs.Store) []*measure.Site {
	one := func(name string, codec scs.Codec) *measure.Site {
		s := scsLibrary(store, codec).site(name, storeName)
		counting := &countedSCS{store: store}
		s.Counted = scsLibrary(counting, codec).site(name, storeName)
		s.Calls = counting.calls.Load
		return s
	}
	return []*measure.Site{one("scs", nil), one("scs-json", jsonCodec{})}
}

func scsLibrary(store scs.Store, codec scs.Codec) library {
	sessions := scs.New()
	sessions.Store = store
	if codec != nil {
		sessions.Codec = codec
	}
	return library{
		wrap: sessions.LoadAndSave,
		get:  func(r *http.Request) string { return sessions.GetString(r.Context(), key) },
		set: func(_ http.ResponseWriter, r *http.Request, value string) error {
			sessions.Put(r.Context(), key, value)
			return nil
		},
		renew: func(_ http.ResponseWriter, r *http.Request) error {
			return sessions.RenewToken(r.Context())
		},
	}
}

// jsonCodec encodes as JSON, which is faster than scs's default, gob.
type jsonCodec struct{}

type jsonSession struct {
	Deadline time.Time
	Values   map[string]any
}

var _ scs.Codec = jsonCodec{}

func (jsonCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal(jsonSession{deadline, values})
}

func (jsonCodec) Decode(data []byte) (time.Time, map[string]any, error) {
	var s jsonSession
	err := json.Unmarshal(data, &s)
	return s.Deadline, s.Values, err
}

// countedSCS counts the calls to a store.
type countedSCS struct {
	store scs.Store
	calls atomic.Int64
}

var _ scs.CtxStore = (*countedSCS)(nil)

func (c *countedSCS) Delete(token string) error {
	return c.DeleteCtx(context.Background(), token)
}

func (c *countedSCS) Find(token string) ([]byte, bool, error) {
	return c.FindCtx(context.Background(), token)
}

func (c *countedSCS) Commit(token string, b []byte, expiry time.Time) error {
	return c.CommitCtx(context.Background(), token, b, expiry)
}

func (c *countedSCS) DeleteCtx(ctx context.Context, token string) error {
	c.calls.Add(1)
	if s, ok := c.store.(scs.CtxStore); ok {
		return s.DeleteCtx(ctx, token)
	}
	return c.store.Delete(token)
}

func (c *countedSCS) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	c.calls.Add(1)
	if s, ok := c.store.(scs.CtxStore); ok {
		return s.FindCtx(ctx, token)
	}
	return c.store.Find(token)
}

func (c *countedSCS) CommitCtx(
	ctx context.Context, token string, b []byte, expiry time.Time,
) error {
	c.calls.Add(1)
	if s, ok := c.store.(scs.CtxStore); ok {
		return s.CommitCtx(ctx, token, b, expiry)
	}
	return c.store.Commit(token, b, expiry)
}
