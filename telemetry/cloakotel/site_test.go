package cloakotel_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
	"github.com/cloakroom-go/cloakroom/telemetry/cloakotel"
)

const color = cloakroom.Key[string]("color")

// site is a site whose spans and metrics a test reads. Its handlers stand within otelhttp.
type site struct {
	t         *testing.T
	spans     *tracetest.InMemoryExporter
	reader    *sdkmetric.ManualReader
	faulty    *storetest.Faulty
	sessions  *cloakroom.Manager
	tracers   *sdktrace.TracerProvider
	telemetry *cloakotel.Telemetry

	mu  sync.Mutex
	now time.Time
}

// newSite returns a site with a store in memory. Further readers get its metrics too.
func newSite(t *testing.T, o cloakroom.Options, readers ...sdkmetric.Reader) *site {
	t.Helper()
	s := &site{
		t:      t,
		spans:  tracetest.NewInMemoryExporter(),
		reader: sdkmetric.NewManualReader(),
		now:    time.Now(),
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	options := []sdkmetric.Option{sdkmetric.WithReader(s.reader)}
	for _, r := range readers {
		options = append(options, sdkmetric.WithReader(r))
	}
	meters := sdkmetric.NewMeterProvider(options...)
	t.Cleanup(func() {
		_ = tracers.Shutdown(context.Background())
		_ = meters.Shutdown(context.Background())
	})
	telemetry, err := cloakotel.New("memory",
		cloakotel.WithTracerProvider(tracers), cloakotel.WithMeterProvider(meters))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := memstore.New(memstore.Options{Now: s.time})
	if err != nil {
		t.Fatal(err)
	}
	s.faulty = storetest.NewFaulty(memory)
	o.Now, o.InsecureCookie = s.time, true
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s.sessions, err = cloakroom.New(telemetry.Store(s.faulty), telemetry.Options(o))
	if err != nil {
		t.Fatal(err)
	}
	s.tracers, s.telemetry = tracers, telemetry
	return s
}

func (s *site) time() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// do performs a request with a ticket, or none. It returns the ticket that the browser has then,
// and the status.
func (s *site) do(ticket string, handle func(*cloakroom.Session)) (string, int) {
	s.t.Helper()
	h := otelhttp.NewHandler(s.sessions.Handler(http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) { handle(s.sessions.Get(r)) })),
		"site", otelhttp.WithTracerProvider(s.tracers))
	r := httptest.NewRequest("GET", "/", nil)
	if ticket != "" {
		r.AddCookie(&http.Cookie{Name: "session", Value: ticket})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		ticket = c.Value
	}
	return ticket, w.Code
}

func nothing(*cloakroom.Session) {}

func read(s *cloakroom.Session) { color.Get(s) }

func set(value string) func(*cloakroom.Session) {
	return func(s *cloakroom.Session) { color.Set(s, value) }
}

func login(owner string) func(*cloakroom.Session) {
	return func(s *cloakroom.Session) { _ = s.Login(owner) }
}

// take returns the spans that have ended since it was last called, but otelhttp's.
func (s *site) take() []tracetest.SpanStub {
	spans := s.spans.GetSpans()
	s.spans.Reset()
	return slices.DeleteFunc(spans, func(span tracetest.SpanStub) bool {
		return span.InstrumentationScope.Name != cloakotel.ScopeName
	})
}

// wantSpans compares name, outcome and status of the spans since it was last called.
func (s *site) wantSpans(want ...string) {
	s.t.Helper()
	var got []string
	for _, span := range s.take() {
		outcome := attributeOf(span, "cloakroom.outcome").AsString()
		got = append(got, fmt.Sprint(span.Name, " ", outcome, " ", span.Status.Code))
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("spans %q, want %q", got, want)
	}
}

// attributeOf returns the value of an attribute of a span.
func attributeOf(span tracetest.SpanStub, key attribute.Key) attribute.Value {
	all := attribute.NewSet(span.Attributes...)
	v, _ := all.Value(key)
	return v
}

// names returns the names of all metrics that have a value.
func (s *site) names() (names []string) {
	s.t.Helper()
	var all metricdata.ResourceMetrics
	if err := s.reader.Collect(s.t.Context(), &all); err != nil {
		s.t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
		}
	}
	return names
}

// metric returns the values of a metric by its attributes but the store's name, and its unit. That
// of a histogram is how often it was recorded. Counters that are zero are left out.
func (s *site) metric(name string) (values map[string]int64, unit string) {
	s.t.Helper()
	var all metricdata.ResourceMetrics
	if err := s.reader.Collect(s.t.Context(), &all); err != nil {
		s.t.Fatal(err)
	}
	values = map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			unit = m.Unit
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if p.Value != 0 {
						values[s.words(p.Attributes)] += p.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					values[s.words(p.Attributes)] += int64(p.Count)
				}
			default:
				s.t.Errorf("%s is a %T", name, data)
			}
		}
	}
	return values, unit
}

// words returns the values of attributes, which name the store.
func (s *site) words(attributes attribute.Set) string {
	var words []string
	named := false
	for _, a := range attributes.ToSlice() {
		if a.Key == "cloakroom.store.name" {
			named = a.Value.AsString() == "memory"
			continue
		}
		words = append(words, a.Value.String())
	}
	if !named {
		s.t.Errorf("%v does not name the store", attributes.ToSlice())
	}
	return strings.Join(words, " ")
}

func (s *site) wantMetric(name, unit string, want map[string]int64) {
	s.t.Helper()
	got, in := s.metric(name)
	if !maps.Equal(got, want) || in != unit {
		s.t.Errorf("%s in %s is %v, want %v in %s", name, in, got, want, unit)
	}
}
