package cloakotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/cloakroom-go/cloakroom/event"
)

// Attributes of spans and metrics.
const (
	storeName    = attribute.Key("cloakroom.store.name")
	storeCall    = attribute.Key("cloakroom.store.call")
	operation    = attribute.Key("cloakroom.operation")
	outcomeKey   = attribute.Key("cloakroom.outcome")
	commitTries  = attribute.Key("cloakroom.commit.tries")
	batchCallers = attribute.Key("cloakroom.batch.callers")
	endReason    = attribute.Key("cloakroom.end.reason")
	nearCacheHit = attribute.Key("cloakroom.near_cache.hit")
)

// tracer is an [event.Tracer] that makes a span of each operation, and measures it.
type tracer struct {
	trace.Tracer
	metrics *metrics
	start   []trace.SpanStartOption // of each span
}

func newTracer(t trace.Tracer, name attribute.KeyValue, m *metrics) tracer {
	return tracer{t, m, []trace.SpanStartOption{trace.WithAttributes(name)}}
}

// spanNames are made once: a read is to allocate little.
var spanNames = func() (names [event.OpTouch + 1]string) {
	for op := event.OpLoad; op <= event.OpTouch; op++ {
		names[op] = "cloakroom." + op.String()
	}
	return names
}()

func spanName(op event.Operation) string {
	if int(op) < len(spanNames) {
		return spanNames[op]
	}
	return "cloakroom." + op.String()
}

// begun is the context of an operation that is measured.
type begun struct {
	context.Context
	at time.Time
}

type begunKey struct{}

// Value implements [context.Context].
func (b *begun) Value(key any) any {
	if key == (begunKey{}) {
		return b
	}
	return b.Context.Value(key)
}

// Begin implements [event.Tracer].
func (t *tracer) Begin(ctx context.Context, op event.Operation) context.Context {
	ctx, _ = t.Start(ctx, spanName(op), t.start...)
	if t.metrics.operations.enabled(ctx) {
		ctx = &begun{ctx, time.Now()}
	}
	return ctx
}

// End implements [event.Tracer].
func (t *tracer) End(ctx context.Context, op event.Operation, out event.Outcome) {
	o := outcomeOf(out.Err)
	if b, ok := ctx.Value(begunKey{}).(*begun); ok {
		t.metrics.operations.record(ctx, int(op), o, time.Since(b.at))
	}
	if out.Tries > 1 {
		t.metrics.retries.Add(ctx, int64(out.Tries-1), t.metrics.storeOnly...)
	}
	if o == unknownOutcome {
		t.metrics.unknown.Add(ctx, 1, t.metrics.storeOnly...)
	}
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		span.SetAttributes(outcomeKey.String(words[o]))
		if out.Tries > 0 {
			span.SetAttributes(commitTries.Int(out.Tries))
		}
		if o.failed() {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// TraceBatch is for the option of this name of redisstore and sqlstore: it makes a span
// "cloakroom.batch" of a pipeline or a statement that serves several calls, with links to the
// spans of all of them. Its parent is the first of these that is sampled, so that a sampler keeps
// it with that one; without one there is no span.
func (t *Telemetry) TraceBatch(
	ctx context.Context, callers []context.Context,
) (context.Context, func()) {
	var parent trace.Span
	links := make([]trace.Link, 0, len(callers))
	for _, c := range callers {
		span := trace.SpanFromContext(c)
		if !span.SpanContext().IsValid() {
			continue
		}
		links = append(links, trace.Link{SpanContext: span.SpanContext()})
		if parent == nil && span.SpanContext().IsSampled() {
			parent = span
		}
	}
	if parent == nil {
		return ctx, func() {}
	}
	ctx, span := t.tracer.Start(trace.ContextWithSpan(ctx, parent), "cloakroom.batch",
		trace.WithAttributes(t.name, batchCallers.Int(len(callers))), trace.WithLinks(links...))
	return ctx, func() { span.End() }
}

// bothKey is what the context of the outer tracer is kept under.
type bothKey struct{ inner event.Tracer }

// both is two tracers. What the inner one begins is a child of what the outer one does.
type both struct{ outer, inner event.Tracer }

// Begin implements [event.Tracer].
func (b both) Begin(ctx context.Context, op event.Operation) context.Context {
	outer := b.outer.Begin(ctx, op)
	return context.WithValue(b.inner.Begin(outer, op), bothKey{b.inner}, outer)
}

// End implements [event.Tracer].
func (b both) End(ctx context.Context, op event.Operation, out event.Outcome) {
	b.inner.End(ctx, op, out)
	if outer, ok := ctx.Value(bothKey{b.inner}).(context.Context); ok {
		b.outer.End(outer, op, out)
	}
}
