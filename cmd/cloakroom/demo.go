package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cmd/cloakroom/internal/demo"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

const (
	shutdownTimeout = 10 * time.Second // for requests under way when the demo stops
	sweepEvery      = time.Minute
)

// demoConfig is what the flags of the demo say.
type demoConfig struct {
	addr, store    string
	hosts          string // more host names to answer to, separated by commas
	idle, lifetime time.Duration
	timeout        time.Duration // of each load and each commit
	cert, key      string        // of --tls; empty for plain HTTP
	flask          bool          // Flask's settings stand in for empty idle, lifetime and store
}

func demoFlags(args []string) (demoConfig, error) {
	var c demoConfig
	fs := newFlags("demo")
	fs.StringVar(&c.addr, "addr", "127.0.0.1:8080", "")
	fs.StringVar(&c.store, "store", defaultStore, "")
	fs.StringVar(&c.hosts, "hosts", "", "")
	fs.BoolVar(&c.flask, "flask", false, "")
	fs.DurationVar(&c.idle, "idle", 30*time.Minute, "")
	fs.DurationVar(&c.lifetime, "lifetime", 12*time.Hour, "")
	fs.DurationVar(&c.timeout, "timeout", 1500*time.Millisecond, "")
	pair := fs.String("tls", "", "")
	others, err := parse(fs, args)
	if err != nil {
		return c, err
	}
	if !isSet(fs, "idle") {
		c.idle = min(c.idle, c.lifetime)
	}
	if err := c.check(fs, others, *pair); err != nil {
		return c, err
	}
	named := isSet(fs, "store")
	if !named && os.Getenv(storeEnv) != "" {
		c.store, named = "-", true
	}
	if c.store, err = storeURL(c.store); err != nil {
		return c, err
	}
	if c.flask {
		c.keepGiven(fs, named)
	}
	return c, nil
}

// keepGiven empties what was not given: Flask has defaults of its own.
func (c *demoConfig) keepGiven(fs *flag.FlagSet, store bool) {
	if !store {
		c.store = ""
	}
	if !isSet(fs, "idle") {
		c.idle = 0
	}
	if !isSet(fs, "lifetime") {
		c.lifetime = 0
	}
}

// options returns the options of the demo's sessions. With --flask it may change c.store.
func (c *demoConfig) options() (o cloakroom.Options, err error) {
	if c.flask {
		o, c.store, err = flaskDemo(*c)
	} else {
		o.Idle, o.Lifetime, o.InsecureCookie = c.idle, c.lifetime, c.cert == ""
	}
	o.Timeout = c.timeout
	return o, err
}

// names returns the host names that the demo answers to.
func (c *demoConfig) names() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(c.addr); err == nil && host != "" {
		names = append(names, host)
	}
	for name := range strings.SplitSeq(c.hosts, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// bounded gives a store in memory limits, unless it has some: any visitor can make
// sessions.
func bounded(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil && u.Scheme == "memory" && u.RawQuery == "" {
		return rawURL + "?max_records=100000&max_bytes=67108864"
	}
	return rawURL
}

func (c *demoConfig) check(fs *flag.FlagSet, others []string, pair string) error {
	if _, _, err := net.SplitHostPort(c.addr); err != nil {
		return usagef("--addr is %q: it must be HOST:PORT", c.addr)
	}
	switch {
	case len(others) > 0:
		return usagef("unexpected argument %q", others[0])
	case c.lifetime < time.Second:
		return usagef("--lifetime is %v: it must be at least 1s", c.lifetime)
	case c.idle < time.Second:
		return usagef("--idle is %v: it must be at least 1s", c.idle)
	case c.idle > c.lifetime:
		return usagef("--idle is %v, longer than --lifetime, %v", c.idle, c.lifetime)
	case c.timeout < 10*time.Millisecond || c.timeout > 20*time.Second:
		return usagef("--timeout is %v: it must be from 10ms to 20s", c.timeout)
	}
	if isSet(fs, "tls") {
		c.cert, c.key, _ = strings.Cut(pair, ",")
		if c.cert == "" || c.key == "" {
			return usagef("--tls is %q: it must be CERT,KEY", pair)
		}
	}
	return nil
}

func runDemo(ctx context.Context, t terminal, args []string) error {
	c, err := demoFlags(args)
	if err != nil {
		return err
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	log := logger(t)
	options.ErrorHandler, options.Logger = demo.WriteError, log
	// Before the store is opened: a wrong path leaves no folder behind.
	var certificate tls.Certificate
	if c.cert != "" {
		if certificate, err = tls.LoadX509KeyPair(c.cert, c.key); err != nil {
			return fmt.Errorf("--tls: %w", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	// for a server that never began; others have closed it
	defer func() { _ = listener.Close() }()
	store, closer, err := openStore(ctx, bounded(c.store))
	if err != nil {
		return err
	}
	defer func() {
		if err := closer.Close(); err != nil {
			log.Error("the store did not close cleanly", "error", err)
		}
	}()

	counted := countstore.New(store)
	sessions, err := cloakroom.New(counted, options)
	if err != nil {
		return usagef("%s", err)
	}
	handler := demo.New(demo.Config{
		Sessions: sessions,
		Stats:    counted.Stats,
		Stopping: ctx.Done(),
		Store:    schemeOf(c.store),
		Hosts:    c.names(),
	})
	s := &demoServer{Server: newServer(handler, log), sessions: sessions, log: log}
	scheme := "http"
	s.serve = func() error { return s.Serve(listener) }
	if c.cert != "" {
		scheme = "https"
		s.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
		}
		s.serve = func() error { return s.ServeTLS(listener, "", "") }
	} else if !isLoopback(listener.Addr()) {
		log.Warn("others on the network can read tickets: " +
			"this is plain HTTP on an address that is not loopback; see --tls")
	}
	address := shownAddress(c.addr, listener.Addr())
	return s.run(ctx, t.out, "listening on "+scheme+"://"+address)
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      demo.MaxSlow + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	fresh := &newConns{open: map[net.Conn]struct{}{}}
	server.ConnState = fresh.note
	server.RegisterOnShutdown(fresh.close)
	return server
}

// demoServer is the demo while it runs.
type demoServer struct {
	*http.Server
	serve    func() error // over plain HTTP or TLS
	sessions *cloakroom.Manager
	log      *slog.Logger
}

// run serves and sweeps until ctx ends or serving fails. It prints ready first.
func (s *demoServer) run(ctx context.Context, out io.Writer, ready string) error {
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
func sweepUntil(ctx context.Context, log *slog.Logger, sessions *cloakroom.Manager) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := sessions.Sweep(ctx); err != nil && ctx.Err() == nil {
			log.Warn("sweep failed; it will be tried again", "error", err)
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
