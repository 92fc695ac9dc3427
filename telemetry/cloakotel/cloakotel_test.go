package cloakotel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/telemetry/cloakotel"
)

// TestNames: a name that may hold a secret is refused, and not repeated.
func TestNames(t *testing.T) {
	for _, name := range []string{"redis", "sql-1.main_B", strings.Repeat("a", 64)} {
		if _, err := cloakotel.New(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "redis://ann:secret@host", "two words", "ü", strings.Repeat("a", 65),
	} {
		_, err := cloakotel.New(name)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestDefaults: without providers, and with nil, the global ones are used.
func TestDefaults(t *testing.T) {
	telemetry, err := cloakotel.New("memory",
		cloakotel.WithTracerProvider(nil), cloakotel.WithMeterProvider(nil))
	if err != nil {
		t.Fatal(err)
	}
	h := handler(t, func(s store.Store) store.Store { return telemetry.Store(s) }, telemetry.Options)
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Error(w.Code)
	}
}

// handler returns a site that reads a value, and sets it for a request without a cookie.
func handler(
	t *testing.T, wrap func(store.Store) store.Store,
	with func(cloakroom.Options) cloakroom.Options,
) http.Handler {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := cloakroom.New(wrap(memory), with(cloakroom.Options{
		InsecureCookie: true,
		Events:         func(context.Context, event.Event) {},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return sessions.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		if len(r.Header["Cookie"]) == 0 {
			color.Set(s, strings.Repeat("a", 100))
		} else if len(color.Get(s)) != 100 {
			t.Error("nothing was read")
		}
	}))
}

// TestAllocations: with providers that do nothing, a read costs at most two allocations more.
func TestAllocations(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	telemetry := newTelemetry(t, cloakotel.WithTracerProvider(tracenoop.NewTracerProvider()),
		cloakotel.WithMeterProvider(metricnoop.NewMeterProvider()))
	without := allocations(t, handler(t,
		func(s store.Store) store.Store { return s },
		func(o cloakroom.Options) cloakroom.Options { return o }))
	with := allocations(t, handler(t,
		func(s store.Store) store.Store { return telemetry.Store(s) }, telemetry.Options))
	t.Logf("%v allocations, %v with telemetry", without, with)
	if with > without+2 {
		t.Errorf("a read makes %v allocations, %v without telemetry: at most two more are allowed",
			with, without)
	}
}

// allocations returns how many a read of a value makes.
func allocations(t *testing.T, h http.Handler) float64 {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	response := bare{http.Header{}}
	return testing.AllocsPerRun(500, func() {
		clear(response.header)
		h.ServeHTTP(response, r)
	})
}

// bare is a response that goes nowhere.
type bare struct{ header http.Header }

func (b bare) Header() http.Header         { return b.header }
func (b bare) Write(p []byte) (int, error) { return len(p), nil }
func (b bare) WriteHeader(int)             {}
