// Command shop is an example of a whole application: accounts, a cart, sign-in by a provider,
// devices, an admin's page, live updates, metrics. Begin with site.go.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/telemetry/cloakotel"
)

var (
	addr    = flag.String("addr", "127.0.0.1:8080", "listen at `HOST:PORT`")
	metrics = flag.String("metrics", "127.0.0.1:9090", "serve metrics at `HOST:PORT`, if not empty")
	file    = flag.String("db", "shop.db", "keep users and sessions in this SQLite `FILE`")
	admin   = flag.String("admin", "", "make the user of this `NAME` an admin, and end")
	plain   = flag.Bool("plain", false, "allow plain HTTP, for development only")
)

func main() {
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	if err := run(ctx, slog.Default()); err != nil {
		slog.Error("shop", "error", err)
		os.Exit(1)
	}
}

// run serves the shop until ctx ends.
func run(ctx context.Context, logger *slog.Logger) (err error) {
	// It makes the file so that others cannot read it, the users' hashes included.
	st, closer, err := sqlstore.Open(ctx, sqlstore.SQLite, "sqlite",
		"sqlite:"+*file+"?sweep_interval=10m")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	db, err := openUsers(ctx, *file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	sessions, scrape, err := observe(st, cloakroom.Options{InsecureCookie: *plain, Logger: logger})
	if err != nil {
		return err
	}
	s := &site{sessions: sessions, users: db, stopping: ctx.Done()}
	if *admin != "" {
		return s.makeAdmin(ctx, *admin)
	}
	if config := os.Getenv("SHOP_OAUTH"); config != "" {
		if err := json.Unmarshal([]byte(config), &s.provider); err != nil {
			return err
		}
	}
	return serve(ctx, logger, map[string]*http.Server{
		"shop":    {Addr: *addr, Handler: s.routes()},
		"metrics": {Addr: *metrics, Handler: scrape},
	})
}

// observe returns a manager that reports to an audit log, and to metrics, which the handler shows.
func observe(st store.Store, o cloakroom.Options) (*cloakroom.Manager, http.Handler, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		return nil, nil, err
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	telemetry, err := cloakotel.New("shop", cloakotel.WithMeterProvider(provider))
	if err != nil {
		return nil, nil, err
	}
	o.Events = event.Log(o.Logger.With("log", "audit"))
	sessions, err := cloakroom.New(telemetry.Store(st), telemetry.Options(o))
	return sessions, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), err
}

// serve answers until ctx ends, and then lets requests end that have begun.
func serve(ctx context.Context, logger *slog.Logger, servers map[string]*http.Server) (err error) {
	failed := make(chan error, len(servers))
	for name, server := range servers {
		if server.Addr == "" {
			continue // it is not wanted
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", server.Addr)
		if err != nil {
			failed <- err
			continue
		}
		logger.InfoContext(ctx, "open", "server", name, "addr", listener.Addr().String())
		server.ReadTimeout, server.WriteTimeout = 10*time.Second, 20*time.Second
		go func() { failed <- server.Serve(listener) }()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(limit))
	}
	return err
}

// openUsers opens the table of users, which is in the file of the sessions.
func openUsers(ctx context.Context, file string) (*sql.DB, error) {
	// Where another connection writes, SQLite waits for up to a second.
	db, err := sql.Open("sqlite",
		"file:"+file+"?"+sqlstore.SQLitePragmas("sqlite")+"&_pragma=busy_timeout(1000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	if _, err := db.ExecContext(ctx, userTable); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
