package cloakotel_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/telemetry/cloakotel"
)

// Spans of a request go where the program sends its others.
func Example() {
	exporter := tracetest.NewInMemoryExporter() // in a program, for example, otlptracehttp
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	otel.SetTracerProvider(provider)

	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	t, err := cloakotel.New("memory")
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cloakroom.New(t.Store(store), t.Options(cloakroom.Options{}))
	if err != nil {
		log.Fatal(err)
	}

	const visits = cloakroom.Key[int]("visits")
	h := sessions.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		visits.Update(sessions.Get(r), func(n int) int { return n + 1 })
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))

	for _, span := range exporter.GetSpans() {
		fmt.Println(span.Name)
		for _, a := range span.Attributes {
			fmt.Printf("  %s: %s\n", a.Key, a.Value.String())
		}
	}
	// Output:
	// cloakroom.commit
	//   cloakroom.store.name: memory
	//   cloakroom.outcome: ok
	//   cloakroom.commit.tries: 1
}

// Where one statement serves several requests, its span leads to the spans of all of them.
func ExampleTelemetry_TraceBatch() {
	var db *sql.DB // of PostgreSQL
	t, err := cloakotel.New("postgres")
	if err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(db, sqlstore.Options{
		Dialect:    sqlstore.Postgres,
		TraceBatch: t.TraceBatch,
	})
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cloakroom.New(t.Store(store), t.Options(cloakroom.Options{}))
	if err != nil {
		log.Fatal(err)
	}
	_ = sessions
}
