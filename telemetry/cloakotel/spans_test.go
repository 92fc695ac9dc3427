package cloakotel_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/batch"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
	"github.com/cloakroom-go/cloakroom/telemetry/cloakotel"
)

// TestSpans: each operation is a span, and a request that does not touch its session has none.
func TestSpans(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	ticket, _ := s.do("", nothing)
	s.wantSpans()
	ticket, _ = s.do(ticket, set("red"))
	s.wantSpans("cloakroom.commit ok Unset")
	s.do(ticket, read)
	s.wantSpans("cloakroom.load ok Unset")
	ticket, _ = s.do(ticket, login("ann"))
	s.wantSpans("cloakroom.load ok Unset", "cloakroom.commit ok Unset")
	s.pass(10 * time.Minute)
	s.do(ticket, read)
	s.wantSpans("cloakroom.load ok Unset", "cloakroom.touch ok Unset")
	s.do(ticket, func(session *cloakroom.Session) {
		color.Set(session, "blue")
		if _, err := s.sessions.RevokeOwned(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
	})
	s.wantSpans("cloakroom.load ok Unset", "cloakroom.end ok Unset", "cloakroom.commit ended Unset")
	s.do(ticket, read)
	s.wantSpans("cloakroom.load not_found Unset")
}

// TestSpanParents: the spans of a request are children of otelhttp's, in one trace.
func TestSpanParents(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	ticket, _ := s.do("", set("red"))
	s.spans.Reset()
	s.do(ticket, func(session *cloakroom.Session) {
		read(session)
		set("blue")(session)
	})
	all := s.spans.GetSpans()
	if len(all) != 3 {
		t.Fatalf("%d spans", len(all))
	}
	request := all[2]
	if request.SpanKind != trace.SpanKindServer {
		t.Fatalf("%s is no request", request.Name)
	}
	for _, span := range all[:2] {
		if span.Parent.SpanID() != request.SpanContext.SpanID() ||
			span.SpanContext.TraceID() != request.SpanContext.TraceID() {
			t.Errorf("%s is no child of the request", span.Name)
		}
		if attributeOf(span, "cloakroom.store.name").AsString() != "memory" {
			t.Errorf("%s has %v", span.Name, span.Attributes)
		}
		scope := span.InstrumentationScope
		if scope.Name != cloakotel.ScopeName || scope.Version != cloakotel.Version() {
			t.Errorf("%s is of %v", span.Name, scope)
		}
	}
	tries := attributeOf(all[1], "cloakroom.commit.tries")
	if all[1].Name != "cloakroom.commit" || tries.AsInt64() != 1 {
		t.Errorf("%s has %v", all[1].Name, all[1].Attributes)
	}
}

// TestFailures: what fails is a kind of error, and its text is in no span.
func TestFailures(t *testing.T) {
	const secret = "the text of an error"
	for _, tt := range []struct {
		name  string
		op    storetest.Op
		times int
		err   error
		do    func(*cloakroom.Session)
		want  []string
	}{
		{"load", storetest.OpLoad, 1, errors.New(secret), read,
			[]string{"cloakroom.load other Error"}},
		{"refused load", storetest.OpLoad, 1, store.ErrRefused, read,
			[]string{"cloakroom.load refused Error"}},
		{"canceled load", storetest.OpLoad, 1, context.Canceled, read,
			[]string{"cloakroom.load canceled Unset"}},
		{"full", storetest.OpReplace, 1, store.ErrFull, set("blue"),
			[]string{"cloakroom.load ok Unset", "cloakroom.commit full Error"}},
		{"too large", storetest.OpReplace, 1, store.ErrTooLarge, set("blue"),
			[]string{"cloakroom.load ok Unset", "cloakroom.commit too_large Error"}},
		{"refused", storetest.OpReplace, 1, store.ErrRefused, set("blue"),
			[]string{"cloakroom.load ok Unset", "cloakroom.commit refused Error"}},
		{"conflict", storetest.OpReplace, 1, store.ErrConflict, set("blue"),
			[]string{"cloakroom.load ok Unset", "cloakroom.commit ok Unset"}},
		{"conflicts", storetest.OpReplace, 300, store.ErrConflict, set("blue"),
			[]string{"cloakroom.load ok Unset", "cloakroom.commit conflict Error"}},
		{"unknown outcome", storetest.OpReplace, 300, errors.New(secret), set("blue"),
			[]string{"cloakroom.load ok Unset", "cloakroom.commit unknown_outcome Error"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, cloakroom.Options{})
				ticket, _ := s.do("", set("red"))
				s.spans.Reset()
				for range tt.times {
					s.faulty.Inject(tt.op, storetest.Failed().Reporting(tt.err))
				}
				s.do(ticket, tt.do)
				for _, span := range s.spans.GetSpans() {
					if span.Status.Description != "" || len(span.Events) > 0 {
						t.Errorf("%s says %q, and has %d events",
							span.Name, span.Status.Description, len(span.Events))
					}
				}
				s.wantSpans(tt.want...)
			})
		})
	}
}

// TestTimeout: a load that is not answered within the time limit is a timeout.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		ticket, _ := s.do("", set("red"))
		s.take()
		s.faulty.Inject(storetest.OpLoad, storetest.Slow(nil))
		s.do(ticket, read)
		s.wantSpans("cloakroom.load timeout Error")
		s.wantMetric("cloakroom.store.call.duration", "s",
			map[string]int64{"ok create": 1, "timeout load": 1})
	})
}

// TestTraceBatch: a statement that serves several calls is a span with links to the spans of all, and
// a child of the first.
func TestTraceBatch(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	telemetry, err := cloakotel.New("sql", cloakotel.WithTracerProvider(provider))
	if err != nil {
		t.Fatal(err)
	}
	tracer := provider.Tracer("test")
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		within := trace.SpanContext{}
		q := batch.New(batch.Config[int, int]{
			Busy: 1, Idle: 1, Size: 8, Trace: telemetry.TraceBatch,
			One: func(context.Context, int) int { <-end; return 0 },
			Many: func(ctx context.Context, list []int) []int {
				within = trace.SpanContextFromContext(ctx)
				return list
			},
		})
		var callers []trace.SpanContext
		for i := range 5 {
			ctx := t.Context()
			if i != 4 { // that one is not traced
				var span trace.Span
				ctx, span = tracer.Start(ctx, "caller")
				callers = append(callers, span.SpanContext())
			}
			go func() { _, _ = q.Do(ctx, i) }()
			synctest.Wait()
		}
		close(end)
		synctest.Wait()
		spans := exporter.GetSpans()
		if len(spans) != 1 || spans[0].Name != "cloakroom.batch" {
			t.Fatalf("%v", spans)
		}
		span := spans[0]
		if span.SpanContext.SpanID() != within.SpanID() {
			t.Error("the statement is not within the span")
		}
		callers = callers[1:] // the first was alone
		if span.Parent.SpanID() != callers[0].SpanID() || len(span.Links) != len(callers) {
			t.Fatalf("the parent is %v, with links %v", span.Parent, span.Links)
		}
		for i, link := range span.Links {
			if !link.SpanContext.Equal(callers[i]) {
				t.Errorf("link %d leads elsewhere", i)
			}
		}
		n, name := attributeOf(span, "cloakroom.batch.callers"), attributeOf(span, "cloakroom.store.name")
		if n.AsInt64() != 4 || name.AsString() != "sql" || span.Status.Code != codes.Unset {
			t.Errorf("%v, %v", span.Attributes, span.Status)
		}
		time.Sleep(batch.Interval) // what checks waiting calls comes to rest
	})
}

// TestTraceBatchSampled: the span of a batch is sampled with the first of its calls that is, and
// without one there is none.
func TestTraceBatchSampled(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	telemetry, err := cloakotel.New("sql", cloakotel.WithTracerProvider(provider))
	if err != nil {
		t.Fatal(err)
	}
	caller := func(n byte, flags trace.TraceFlags) context.Context {
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(
			trace.SpanContextConfig{
				TraceID: trace.TraceID{n}, SpanID: trace.SpanID{n}, TraceFlags: flags,
			}))
	}
	_, done := telemetry.TraceBatch(t.Context(),
		[]context.Context{t.Context(), caller(1, 0), caller(2, 0)})
	done()
	if n := len(exporter.GetSpans()); n != 0 {
		t.Errorf("%d spans of calls that are not sampled", n)
	}
	_, done = telemetry.TraceBatch(t.Context(),
		[]context.Context{caller(1, 0), caller(2, trace.FlagsSampled), caller(3, 0)})
	done()
	spans := exporter.GetSpans()
	if len(spans) != 1 || spans[0].Parent.SpanID() != (trace.SpanID{2}) || len(spans[0].Links) != 3 {
		t.Errorf("%+v", spans)
	}
}

// TestOptionsKeep: a listener and a tracer that the options have already are called too.
func TestOptionsKeep(t *testing.T) {
	var calls []string
	s := newSite(t, cloakroom.Options{
		Events: func(_ context.Context, e event.Event) { calls = append(calls, e.Kind.String()) },
		Tracer: noting{&calls},
	})
	s.do("", set("red"))
	if got, want := len(calls), 3; got != want || calls[2] != "created" {
		t.Errorf("called %q", calls)
	}
	s.wantSpans("cloakroom.commit ok Unset")
	s.wantMetric("cloakroom.sessions.created", "{session}", map[string]int64{"": 1})
}

// noting is a tracer that notes that it is called.
type noting struct{ calls *[]string }

type notingKey struct{}

func (n noting) Begin(ctx context.Context, op event.Operation) context.Context {
	*n.calls = append(*n.calls, "begin "+op.String())
	return context.WithValue(ctx, notingKey{}, op)
}

func (n noting) End(ctx context.Context, op event.Operation, _ event.Outcome) {
	if ctx.Value(notingKey{}) == op {
		*n.calls = append(*n.calls, "end "+op.String())
	}
}
