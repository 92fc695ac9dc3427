package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

const (
	shutdownTimeout = 10 * time.Second // for requests under way when the demo stops
	sweepEvery      = time.Minute
)

// Server serves the site until it is stopped.
type Server struct {
	Listener    net.Listener
	Addr        string           // where it was asked to listen, HOST:PORT
	Certificate *tls.Certificate // nil for plain HTTP
	Hosts       []string         // as in [Config]
	Store       store.Store
	StoreKind   string            // as [Config.Store]
	Options     cloakroom.Options // Logger and ErrorHandler are set by Run
	Log         *slog.Logger
	Out         io.Writer // gets one line when the server is ready: "listening on URL"
}

// Run serves and sweeps until ctx ends, and returns once the requests under way have ended.
// Options that [cloakroom.New] refuses are an [OptionsError].
func (s Server) Run(ctx context.Context) error {
	// for a server that never began; others have closed it
	defer func() { _ = s.Listener.Close() }()
	counted := countstore.New(s.Store)
	s.Options.ErrorHandler, s.Options.Logger = writeError, s.Log
	sessions, err := cloakroom.New(counted, s.Options)
	if err != nil {
		return &OptionsError{err}
	}
	handler := New(Config{
		Sessions: sessions,
		Stats:    counted.Stats,
		Stopping: ctx.Done(),
		Store:    s.StoreKind,
		Hosts:    s.Hosts,
	})
	r := &running{Server: newServer(handler, s.Log), sessions: sessions, log: s.Log}
	scheme := "http"
	r.serve = func() error { return r.Serve(s.Listener) }
	if s.Certificate != nil {
		scheme = "https"
		r.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{*s.Certificate}, MinVersion: tls.VersionTLS12,
		}
		r.serve = func() error { return r.ServeTLS(s.Listener, "", "") }
	} else if !isLoopback(s.Listener.Addr()) {
		s.Log.Warn("others on the network can read tickets: " +
			"this is plain HTTP on an address that is not loopback; see --tls")
	}
	address := shownAddress(s.Addr, s.Listener.Addr())
	return r.run(ctx, s.Out, "listening on "+scheme+"://"+address)
}

// OptionsError is a wrong option of the sessions.
type OptionsError struct{ err error }

func (e *OptionsError) Error() string { return e.err.Error() }
func (e *OptionsError) Unwrap() error { return e.err }

// Bounded returns the URL of a store in memory with limits, unless it has some: any visitor
// can make sessions. Other URLs stay as they are.
func Bounded(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil && u.Scheme == "memory" && u.RawQuery == "" {
		return rawURL + "?max_records=100000&max_bytes=67108864"
	}
	return rawURL
}

// Hosts returns the host names that a demo answers to which listens at addr: those of this
// machine's loopback, the one in addr, and others, separated by commas.
func Hosts(addr, others string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(addr); err == nil && host != "" {
		names = append(names, host)
	}
	for name := range strings.SplitSeq(others, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      MaxSlow + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	fresh := &newConns{open: map[net.Conn]struct{}{}}
	server.ConnState = fresh.note
	server.RegisterOnShutdown(fresh.close)
	return server
}

// running is a server while it runs.
type running struct {
	*http.Server
	serve    func() error // over plain HTTP or TLS
	sessions *cloakroom.Manager
	log      *slog.Logger
}

// run serves and sweeps until ctx ends or serving fails. It prints ready first.
func (s *running) run(ctx context.Context, out io.Writer, ready string) error {
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	swept := make(chan struct{})
	sweeping, stopSweeping := context.WithCancel(ctx)
	go func() {
		defer close(swept)
		sweepUntil(sweeping, s.log, s.sessions)
	}()
	defer func() { stopSweeping(); <-swept }()

	if _, err := fmt.Fprintln(out, ready); err != nil {
		return errors.Join(fmt.Errorf("print where the demo listens: %w", err), s.Close())
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := s.Shutdown(bounded); err != nil {
		s.log.Warn("requests that were still under way are cut off", "error", err)
		_ = s.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// sweepUntil removes expired records, as every application should if its store does not.
func sweepUntil(ctx context.Context, logger *slog.Logger, sessions *cloakroom.Manager) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := sessions.Sweep(ctx); err != nil && ctx.Err() == nil {
			logger.Warn("sweep failed; it will be tried again", "error", err)
		}
	}
}

// newConns are connections without a request so far. Browsers keep some for later, and
// Shutdown would wait five seconds for them.
type newConns struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (n *newConns) note(c net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state == http.StateNew {
		n.open[c] = struct{}{}
	} else {
		delete(n.open, c)
	}
}

func (n *newConns) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.open {
		_ = c.Close()
	}
}

// shownAddress returns the address for a browser: the host as asked for and the actual
// port.
func shownAddress(asked string, actual net.Addr) string {
	host, _, _ := net.SplitHostPort(asked)
	_, port, _ := net.SplitHostPort(actual.String())
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
