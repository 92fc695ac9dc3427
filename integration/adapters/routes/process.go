package routes

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Server is what serves the routes: an [http.Server], or a framework's own.
type Server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error // answers what is under way first
}

// HTTP returns a server for a framework that is an [http.Handler].
func HTTP(h http.Handler) Server {
	// Clients keep connections for later, and Shutdown would wait five seconds for one that
	// has had no request.
	var unused sync.Map
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			unused.Store(c, nil)
		} else {
			unused.Delete(c)
		}
	}
	server.RegisterOnShutdown(func() {
		for c := range unused.Range {
			_ = c.(net.Conn).Close()
		}
	})
	return server
}

// Main is the main function of a program that demotest.StartProgram starts: it serves what
// a framework makes of the routes until SIGTERM or SIGINT.
func Main(framework func(*Site) Server) {
	if err := run(framework); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(framework func(*Site) Server) (err error) {
	addr := flag.String("addr", "127.0.0.1:0", "HOST:PORT")
	rawURL := flag.String("store", "memory:", "URL")
	timeout := flag.Duration("timeout", 20*time.Second, "of each load and each commit")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	store, closer, err := storeurl.Open(ctx, *rawURL,
		memstore.Opener(), filestore.Opener(), redisstore.Opener())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	calls := countstore.New(store)
	sessions, err := cloakroom.New(calls, cloakroom.Options{
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			a := Failed(err)
			w.Header().Set("Content-Type", a.Type)
			w.WriteHeader(a.Status)
			_, _ = w.Write([]byte(a.Body))
		},
		InsecureCookie: true,
		Logger:         log,
		Timeout:        *timeout,
	})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	site := &Site{Sessions: sessions, calls: calls.Stats, stopping: ctx.Done()}
	return serve(ctx, framework(site), listener)
}

func serve(ctx context.Context, server Server, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if _, err := fmt.Fprintf(os.Stdout, "listening on http://%s\n", listener.Addr()); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return server.Shutdown(bounded)
}
