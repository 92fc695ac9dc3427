// Package memcachedstore keeps sessions in memcached, on one server or several.
//
// It suits teams that run memcached already and accept what a cache is: memcached forgets its
// records when it is restarted, and evicts some when it is full, which signs users out. It cannot
// list, so listing an owner's sessions and revoking all of them return [errors.ErrUnsupported]. See
// docs/stores/memcached.md for what follows from that, and for how to configure the server.
//
// The store speaks memcached's meta protocol (mg, ms, md), with a client of its own: it needs the
// remaining time of an item and compare-and-swap in one trip each, and must not repeat a write. It
// is tested with memcached 1.6.18. A record is the document's bytes under prefix and id, with
// client flags 0, as Flask-Session stores it. The version of a record is memcached's token together
// with the start of its server, since tokens begin anew with a restart.
//
// Expiries are whole seconds by the server's clock: a record ends at most one second before or
// after the time asked for. An expiry of more than 30 days is sent as a date, so the server's clock
// must be right. The latest date that memcached takes is in January 2038; it is also the expiry of
// a record that another program stored without one.
package memcachedstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore/internal/meta"
)

// Options configure a [Store]. Only Servers is required.
type Options struct {
	// Dial makes connections, for TLS or a proxy. The default is the DialContext of a [net.Dialer].
	// network is "tcp" or "unix".
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// IdleTimeout is how long a connection is kept unused. The default is one minute.
	// Keep it below the idle_timeout of the servers, if they have one.
	IdleTimeout time.Duration

	// MaxConns is how many connections to one server may be in use at once; further calls wait for
	// one. The default is 64.
	MaxConns int

	// MaxIdle is how many connections to one server are kept unused. The default is 16.
	MaxIdle int

	// MaxItem is the greatest size of an item in bytes, with its key and 128 bytes of overhead. A
	// larger one is [store.ErrTooLarge], and is not sent: memcached would delete the record that is
	// there. The default is the server's own limit (its flag -I, 1 MiB unless set), which the store
	// asks for; MaxItem can only lower it.
	MaxItem int

	// Prefix is put before every id: at most 200 printable ASCII characters without spaces. The
	// default is "session:", as that of Flask-Session.
	Prefix string

	// Servers are the addresses of the servers: host:port, or host for port 11211, or the path of a
	// Unix socket. All processes that share sessions need the same addresses, in the same spelling
	// and any order: a record's key and the addresses choose its server.
	Servers []string
}

// ErrClosed is what every operation returns after [Store.Close].
var ErrClosed = errors.New("memcachedstore: store is closed")

const (
	defaultPrefix      = "session:"
	defaultPort        = "11211"
	defaultMaxConns    = 64
	defaultMaxIdle     = 16
	defaultIdleTimeout = time.Minute
	maxPrefix          = 200
)

// Store is a [store.Store] in memcached. Make one with [New]. It is safe for concurrent use.
type Store struct {
	maxItem int
	prefix  string
	servers []server
}

type server struct {
	name string
	pool *meta.Server
}

var _ store.Store = (*Store)(nil)

// New returns a store on the servers. It makes no connection; [Store.Ping] does. Call [Store.Close]
// when the store is not needed any more.
func New(opts Options) (*Store, error) {
	switch {
	case len(opts.Servers) == 0:
		return nil, errors.New("memcachedstore: Options.Servers is empty")
	case opts.IdleTimeout < 0:
		return nil, negative("IdleTimeout", opts.IdleTimeout)
	case opts.MaxConns < 0:
		return nil, negative("MaxConns", opts.MaxConns)
	case opts.MaxIdle < 0:
		return nil, negative("MaxIdle", opts.MaxIdle)
	case opts.MaxItem < 0:
		return nil, negative("MaxItem", opts.MaxItem)
	case len(opts.Prefix) > maxPrefix || !plain(opts.Prefix):
		return nil, fmt.Errorf("memcachedstore: Options.Prefix is %.300q: it must be at most %d "+
			"printable ASCII characters without spaces", opts.Prefix, maxPrefix)
	}
	config := meta.Config{
		Dial:        opts.Dial,
		IdleTimeout: opts.IdleTimeout,
		MaxConns:    opts.MaxConns,
		MaxIdle:     opts.MaxIdle,
	}
	if config.Dial == nil {
		config.Dial = new(net.Dialer).DialContext
	}
	if config.IdleTimeout == 0 {
		config.IdleTimeout = defaultIdleTimeout
	}
	if config.MaxConns == 0 {
		config.MaxConns = defaultMaxConns
	}
	if config.MaxIdle == 0 {
		config.MaxIdle = defaultMaxIdle
	}
	s := &Store{maxItem: opts.MaxItem, prefix: opts.Prefix}
	if s.prefix == "" {
		s.prefix = defaultPrefix
	}
	for _, name := range opts.Servers {
		network, address, err := parseAddress(name)
		if err != nil {
			return nil, err
		}
		for _, other := range s.servers {
			if other.name == address {
				return nil, fmt.Errorf("memcachedstore: Options.Servers has %q twice", address)
			}
		}
		config.Network, config.Address = network, address
		s.servers = append(s.servers, server{address, meta.NewServer(config)})
	}
	return s, nil
}

func negative(option string, value any) error {
	return fmt.Errorf("memcachedstore: Options.%s is negative: %v", option, value)
}

// parseAddress completes an element of Options.Servers.
func parseAddress(name string) (network, address string, err error) {
	if strings.HasPrefix(name, "/") {
		return "unix", name, nil
	}
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), defaultPort
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			host = ""
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" || !plain(host) || strings.ContainsAny(host, "/,@[]") {
		return "", "", fmt.Errorf("memcachedstore: Options.Servers has %.300q: "+
			"want host:port, host, or the full path of a Unix socket", name)
	}
	return "tcp", net.JoinHostPort(host, port), nil
}

// Ping makes a call to every server, and returns the errors of those that do not answer.
func (s *Store) Ping(ctx context.Context) error { return errors.Join(s.pingAll(ctx)...) }

// pingAll returns one error for each server that does not answer.
func (s *Store) pingAll(ctx context.Context) []error {
	results := make(chan error, len(s.servers))
	for _, srv := range s.servers {
		go func() {
			_, err := srv.pool.Do(ctx, true, func(meta.Info) (meta.Command, error) {
				return meta.Command{Verb: "mg", Key: s.prefix + hashed}, nil // the key of no id
			})
			results <- srv.failure("ping", err)
		}()
	}
	var errs []error
	for range s.servers {
		if err := <-results; err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Close closes the connections; one in use is closed when its operation ends.
// Operations return [ErrClosed] from then on. Close may be called again, and always
// returns nil.
func (s *Store) Close() error {
	for _, srv := range s.servers {
		srv.pool.Close()
	}
	return nil
}

// failure adds to an error the operation, the server, and the sentinel of what that refused.
func (s *server) failure(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, meta.ErrClosed):
		return ErrClosed
	}
	refusal := (*meta.Refusal)(nil)
	if errors.As(err, &refusal) && refusal.Definite() && !errors.Is(err, store.ErrFull) {
		return fmt.Errorf("memcachedstore: %s on %s: %w: %w", op, s.name, store.ErrRefused, err)
	}
	return fmt.Errorf("memcachedstore: %s on %s: %w", op, s.name, err)
}
