// Command shop is an example of a whole application: accounts, a cart, sign-in by a provider,
// devices, an admin's page, live updates. Begin with site.go.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

var (
	addr  = flag.String("addr", "127.0.0.1:8080", "listen at `HOST:PORT`")
	file  = flag.String("db", "shop.db", "keep users and sessions in this SQLite `FILE`")
	admin = flag.String("admin", "", "make the user of this `NAME` an admin, and end")
	plain = flag.Bool("plain", false, "allow plain HTTP, for development only")
)

func main() {
	flag.Parse()
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	slog.SetDefault(logger)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	if err := run(ctx, logger); err != nil {
		logger.Error("shop", "error", err)
		os.Exit(1)
	}
}

// run serves the shop until ctx ends.
func run(ctx context.Context, logger *slog.Logger) (err error) {
	db, err := openDB(ctx, *file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	store, err := sqlstore.New(db, sqlstore.Options{
		Dialect: sqlstore.SQLite, Logger: logger, SweepInterval: 10 * time.Minute,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }() // before db
	if err := store.CreateTable(ctx); err != nil {
		return err
	}
	sessions, err := cloakroom.New(store, cloakroom.Options{
		Events: observe(logger), InsecureCookie: *plain, Logger: logger,
	})
	if err != nil {
		return err
	}
	if *admin != "" {
		return makeAdmin(ctx, users{db}, sessions, *admin)
	}
	s := newSite(sessions, users{db}, providerFromEnv(), ctx.Done())
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	logger.Info("the shop is open", "addr", listener.Addr().String())
	return serve(ctx, listener, s.routes(!*plain))
}

// observe returns what is told of sessions: the audit log. Telemetry will have its place here.
func observe(logger *slog.Logger) func(context.Context, event.Event) {
	return event.Log(logger.With("log", "audit"))
}

// serve answers until ctx ends, and then lets requests end that have begun.
func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:     h,
		ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute,
	}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(limit)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// openDB opens the database, for users and sessions alike.
func openDB(ctx context.Context, file string) (*sql.DB, error) {
	// What makes the file keeps others from reading it. SQLite's further files are as this one.
	f, err := os.OpenFile(file, os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	_ = f.Close() // it was only made
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

// makeAdmin makes a user an admin, and signs the user out everywhere: more rights begin with a new
// ticket (ASVS 5.0 7.2.4).
func makeAdmin(ctx context.Context, people users, sessions *cloakroom.Manager, login string) error {
	owner, err := people.promote(ctx, login)
	if err != nil {
		return err
	}
	_, err = sessions.RevokeOwned(event.WithActor(ctx, "command line"), owner)
	return err
}
