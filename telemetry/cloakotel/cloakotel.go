// Package cloakotel reports what Cloakroom does to OpenTelemetry: spans of each load and
// commit, and metrics of the store, of conflicts, and of sessions that begin and end.
//
//	t, err := cloakotel.New("redis")
//	…
//	sessions, err := cloakroom.New(t.Store(store), t.Options(cloakroom.Options{}))
//
// No span and no metric has a ticket, a cookie, a value, an id of a session or an owner, and errors
// appear as their kind, never as their text. docs/observing.md lists what is reported.
package cloakotel

import (
	"fmt"
	"runtime/debug"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// ScopeName is the name of the instrumentation scope of all spans and metrics.
const ScopeName = "github.com/cloakroom-go/cloakroom/telemetry/cloakotel"

// Version returns the version of this module, as the go command has noted it in the program. It is
// the version of the instrumentation scope, and empty where the program does not tell.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return versionIn(info)
}

func versionIn(info *debug.BuildInfo) string {
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != ScopeName {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version == "" {
			return "(devel)"
		}
		return m.Version
	}
	return ""
}

// Option is an option of [New].
type Option interface{ apply(*config) }

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithTracerProvider sets where spans go. The default, also for nil, is the global provider.
func WithTracerProvider(p trace.TracerProvider) Option {
	return optionFunc(func(c *config) {
		if p != nil {
			c.tracers = p
		}
	})
}

// WithMeterProvider sets where metrics go. The default, also for nil, is the global provider.
func WithMeterProvider(p metric.MeterProvider) Option {
	return optionFunc(func(c *config) {
		if p != nil {
			c.meters = p
		}
	})
}

// Telemetry reports about one store and its managers. Make one with [New]. It is safe for
// concurrent use.
type Telemetry struct {
	name    attribute.KeyValue
	tracer  tracer
	metrics *metrics
}

// New returns what reports about one store. name says which: it is the attribute
// cloakroom.store.name of all spans and metrics, so it has 1 to 64 letters, digits, dots, dashes
// and underscores, and cannot be a URL with a password. An error is also an instrument that the
// meter provider refuses.
func New(name string, options ...Option) (*Telemetry, error) {
	if !validName(name) {
		return nil, fmt.Errorf("cloakotel: the name of the store has %d bytes: it must be 1 to %d "+
			"letters, digits, dots, dashes and underscores", len(name), maxName)
	}
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, o := range options {
		o.apply(&c)
	}
	t := &Telemetry{name: storeName.String(name)}
	version := Version()
	var err error
	t.metrics, err = newMetrics(
		c.meters.Meter(ScopeName, metric.WithInstrumentationVersion(version)), t.name)
	if err != nil {
		return nil, fmt.Errorf("cloakotel: %w", err)
	}
	t.tracer = newTracer(
		c.tracers.Tracer(ScopeName, trace.WithInstrumentationVersion(version)), t.name, t.metrics)
	return t, nil
}

const maxName = 64

// validName reports whether a name can be shown. The error does not repeat one that is not: it
// may be a URL.
func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// Options returns options with Events and Tracer set. Those that are set already are called too.
func (t *Telemetry) Options(o cloakroom.Options) cloakroom.Options {
	o.Events = t.metrics.listener(o.Events)
	if o.Tracer != nil {
		o.Tracer = both{outer: o.Tracer, inner: &t.tracer}
	} else {
		o.Tracer = &t.tracer
	}
	return o
}

// Store returns a wrapper around s that measures each call. It has the abilities of s, and closes
// nothing. If s has a method NearCache, as that of redisstore, the hits and misses that it returns
// are reported for as long as the meter provider lives.
func (t *Telemetry) Store(s store.Store) store.FullStore {
	if near, ok := s.(nearCache); ok {
		t.metrics.observe(near)
	}
	return &measured{FullStore: store.Complete(s), metrics: t.metrics}
}
