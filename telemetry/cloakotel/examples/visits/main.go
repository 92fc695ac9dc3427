// Command visits counts visits, and shows what its sessions do at /metrics. It is the program
// of the README.
package main

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/telemetry/cloakotel"
)

const visits = cloakroom.Key[int]("visits")

func main() {
	exporter, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(exporter)))

	// About once in 1000 requests, what has expired is removed.
	store, err := filestore.New("./sessions", filestore.Options{SweepEvery: 1000})
	if err != nil {
		log.Fatal(err)
	}
	t, err := cloakotel.New("files")
	if err != nil {
		log.Fatal(err)
	}
	// InsecureCookie allows plain HTTP: for development only.
	options := cloakroom.Options{InsecureCookie: true, Events: event.Log(slog.Default())}
	sessions, err := cloakroom.New(t.Store(store), t.Options(options))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		n, err := visits.UpdateNow(sessions.Get(r), func(n int) int { return n + 1 })
		if err != nil {
			http.Error(w, "not counted", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "visit %d\n", n)
	})
	mux.Handle("GET /metrics", promhttp.Handler()) // in production, not for the public
	h := otelhttp.NewHandler(sessions.Handler(mux), "site")
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", h))
}
