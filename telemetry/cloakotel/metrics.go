package cloakotel

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cloakroom-go/cloakroom/event"
)

// metrics are the instruments of one store. What a measurement says of itself is made once, so
// that it costs no allocation here.
type metrics struct {
	meter      metric.Meter
	name       attribute.KeyValue
	operations durations
	calls      durations
	retries    metric.Int64Counter
	unknown    metric.Int64Counter // outcomes
	near       metric.Int64ObservableCounter
	events     [event.DeadTicket + 1]metric.Int64Counter // by kind
	storeOnly  []metric.AddOption                        // of a counter without other attributes
	reasons    [][]metric.AddOption                      // of the counter of sessions that ended
}

// counters are those of events. A kind that has none is not counted.
var counters = [event.DeadTicket + 1]struct{ name, unit, description string }{
	event.Created: {"cloakroom.sessions.created", "{session}", "Sessions that have begun."},
	event.SignedIn: {"cloakroom.sessions.signed_in", "{session}",
		"Sign-ins, those of users who were signed in already among them."},
	event.Renewed: {"cloakroom.sessions.renewed", "{session}",
		"Sessions that have got a new ticket without a sign-in."},
	event.Ended: {"cloakroom.sessions.ended", "{session}", "Sessions that have ended."},
	event.Dropped: {"cloakroom.changes.dropped", "{request}",
		"Requests whose changes were not stored, since their session had ended."},
	event.Unreadable: {"cloakroom.records.unreadable", "{record}",
		"Records that are damaged or of a later version."},
	event.Swept: {"cloakroom.records.swept", "{record}",
		"Expired records that a sweep has removed, seals among them."},
	event.DeadTicket: {"cloakroom.tickets.dead", "{request}",
		"Requests with a ticket that is good for no session."},
}

func newMetrics(meter metric.Meter, name attribute.KeyValue) (*metrics, error) {
	m := &metrics{meter: meter, name: name, storeOnly: added(name)}
	var errs []error
	duration := func(instrument, description string, key attribute.Key, of []string) durations {
		d, err := newDurations(meter, name, instrument, description, key, of)
		errs = append(errs, err)
		return d
	}
	counter := func(instrument, unit, description string) metric.Int64Counter {
		c, err := meter.Int64Counter(instrument,
			metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	m.operations = duration("cloakroom.operation.duration",
		"How long requests wait for a session to be loaded, committed, ended or touched.",
		operation, operationWords())
	m.calls = duration("cloakroom.store.call.duration",
		"How long calls of the store take.", storeCall, callWords[:])
	m.retries = counter("cloakroom.commit.retries", "{retry}",
		"How often commits made their record once more.")
	m.unknown = counter("cloakroom.commit.unknown_outcomes", "{commit}",
		"Commits that may or may not have been stored.")
	for kind, c := range counters {
		if c.name != "" {
			m.events[kind] = counter(c.name, c.unit, c.description)
		}
	}
	for r := event.Reason(0); r == 0 || r.String() != event.Reason(0).String(); r++ {
		m.reasons = append(m.reasons, added(name, endReason.String(underscored(r.String()))))
	}
	var err error
	m.near, err = meter.Int64ObservableCounter("cloakroom.near_cache.loads",
		metric.WithUnit("{load}"),
		metric.WithDescription("Loads that the near cache has answered, or the server."))
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	m.zero()
	return m, nil
}

// zero makes each counter known before it counts anything: otherwise Prometheus takes the first
// event, which may be the only one, for where the counter began.
func (m *metrics) zero() {
	ctx := context.Background()
	m.retries.Add(ctx, 0, m.storeOnly...)
	m.unknown.Add(ctx, 0, m.storeOnly...)
	for kind, counter := range m.events {
		switch {
		case counter == nil:
		case event.Kind(kind) == event.Ended:
			for _, options := range m.reasons[1:] {
				counter.Add(ctx, 0, options...)
			}
		default:
			counter.Add(ctx, 0, m.storeOnly...)
		}
	}
}

// operationWords are those of all operations by number. That of 0 is for later ones.
func operationWords() []string {
	list := []string{event.Operation(0).String()}
	for op := event.OpLoad; op.String() != list[0]; op++ {
		list = append(list, op.String())
	}
	return list
}

func underscored(words string) string { return strings.ReplaceAll(words, " ", "_") }

func added(attributes ...attribute.KeyValue) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}
}

// listener returns a listener of events that counts them, and then calls next if there is one.
func (m *metrics) listener(
	next func(context.Context, event.Event),
) func(context.Context, event.Event) {
	return func(ctx context.Context, e event.Event) {
		m.count(ctx, e)
		if next != nil {
			next(ctx, e)
		}
	}
}

func (m *metrics) count(ctx context.Context, e event.Event) {
	if int(e.Kind) >= len(m.events) || m.events[e.Kind] == nil {
		return
	}
	options := m.storeOnly
	if e.Kind == event.Ended {
		options = m.reasons[0]
		if int(e.Reason) < len(m.reasons) {
			options = m.reasons[e.Reason]
		}
	}
	m.events[e.Kind].Add(ctx, int64(e.Count), options...)
}

// nearCache is a store with a cache in this process that can tell how many loads it has answered.
type nearCache interface {
	NearCache() (hits, misses int64)
}

// observe reports a near cache whenever metrics are collected. One that was never asked is none.
func (m *metrics) observe(near nearCache) {
	hit := metric.WithAttributeSet(attribute.NewSet(m.name, nearCacheHit.Bool(true)))
	miss := metric.WithAttributeSet(attribute.NewSet(m.name, nearCacheHit.Bool(false)))
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		hits, misses := near.NearCache()
		if hits+misses > 0 {
			o.ObserveInt64(m.near, hits, hit)
			o.ObserveInt64(m.near, misses, miss)
		}
		return nil
	}, m.near)
	if err != nil {
		otel.Handle(err)
	}
}

// durations are a histogram of what takes time, by what it is and what came of it.
type durations struct {
	histogram metric.Float64Histogram
	options   [][outcomes][]metric.RecordOption
}

// bounds are those of the histograms, in seconds: a store in memory takes microseconds, and the
// longest time limit is 20 seconds.
var bounds = []float64{
	0.00001, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
	2.5, 5, 10,
}

func newDurations(
	meter metric.Meter, name attribute.KeyValue, instrument, description string,
	key attribute.Key, values []string,
) (durations, error) {
	h, err := meter.Float64Histogram(instrument, metric.WithUnit("s"),
		metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
	d := durations{h, make([][outcomes][]metric.RecordOption, len(values))}
	for i, value := range values {
		for o, word := range words {
			d.options[i][o] = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
				name, key.String(value), outcomeKey.String(word)))}
		}
	}
	return d, err
}

// enabled reports whether measuring is of any use.
func (d *durations) enabled(ctx context.Context) bool { return d.histogram.Enabled(ctx) }

// record measures the i-th kind, or the first where that is not known.
func (d *durations) record(ctx context.Context, i int, o outcome, took time.Duration) {
	if i >= len(d.options) {
		i = 0
	}
	d.histogram.Record(ctx, took.Seconds(), d.options[i][o]...)
}
