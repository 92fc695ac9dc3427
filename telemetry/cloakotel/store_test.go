package cloakotel_test

import (
	"errors"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
	"github.com/cloakroom-go/cloakroom/telemetry/cloakotel"
)

// TestConformance: the wrapper keeps the contract of the store that it wraps.
func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Abilities: []storetest.Ability{
			storetest.Moves, storetest.Owners, storetest.Lists, storetest.Sweeps,
		},
		Open: func(t testing.TB) store.Store {
			memory, err := memstore.New(memstore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = memory.Close() })
			return newTelemetry(t, cloakotel.WithMeterProvider(sdkmetric.NewMeterProvider(
				sdkmetric.WithReader(sdkmetric.NewManualReader())))).Store(memory)
		},
		Precision: time.Nanosecond,
	})
}

func newTelemetry(t testing.TB, options ...cloakotel.Option) *cloakotel.Telemetry {
	t.Helper()
	telemetry, err := cloakotel.New("memory", options...)
	if err != nil {
		t.Fatal(err)
	}
	return telemetry
}

// TestCalls: each call of the store is measured under its name.
func TestCalls(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	ticket, _ := s.do("", login("ann"))
	ticket, _ = s.do(ticket, func(session *cloakroom.Session) { _ = session.Renew() })
	s.do(ticket, set("red"))
	s.pass(10 * time.Minute)
	s.do(ticket, read)
	for range s.sessions.All(t.Context()) {
		break
	}
	if _, err := s.sessions.RevokeOwned(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
	if _, err := s.sessions.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	calls, _ := s.metric("cloakroom.store.call.duration")
	for _, call := range []string{
		"create", "load", "replace", "move", "touch", "all", "owned", "delete", "sweep",
	} {
		if calls["ok "+call] == 0 {
			t.Errorf("%s is not measured: %v", call, calls)
		}
	}
}

// plain is a store without any ability.
type plain struct{ store.Store }

// TestAbilities: a wrapper has no ability that the store does not have, and does not measure it.
func TestAbilities(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	reader := sdkmetric.NewManualReader()
	telemetry := newTelemetry(t,
		cloakotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	wrapper := telemetry.Store(plain{s.faulty})
	ctx := t.Context()
	_, err := wrapper.Move(ctx, "a", store.Record{}, store.Record{}, "b", store.Record{})
	_, _, owned := wrapper.Owned(ctx, "a", "", 1)
	_, _, all := wrapper.All(ctx, "", 1)
	_, _, swept := wrapper.Sweep(ctx, "", 1)
	for _, err := range []error{err, owned, all, swept} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v", err)
		}
	}
	s.reader = reader
	s.wantMetric("cloakroom.store.call.duration", "", map[string]int64{})
	if _, err := wrapper.Load(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	s.wantMetric("cloakroom.store.call.duration", "s", map[string]int64{"not_found load": 1})
}

// near is a store with a near cache.
type near struct {
	store.Store
	hits, misses int64
}

func (n *near) NearCache() (hits, misses int64) { return n.hits, n.misses }

// TestNearCache: the hits and misses of a near cache are what the store has at each collection.
func TestNearCache(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	s.reader = sdkmetric.NewManualReader()
	cached := &near{Store: s.faulty}
	newTelemetry(t, cloakotel.WithMeterProvider(
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader)))).Store(cached)
	s.wantMetric("cloakroom.near_cache.loads", "", map[string]int64{})
	cached.hits, cached.misses = 7, 2
	s.wantMetric("cloakroom.near_cache.loads", "{load}", map[string]int64{"true": 7, "false": 2})
}
