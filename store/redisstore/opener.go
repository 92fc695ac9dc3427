package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Settings of a client that is opened by URL.
const (
	// defaultFlushDelay lets commands of several requests share a write to the connection. With 64
	// goroutines on two cores it saves a quarter of the time. 100 microseconds would save another
	// third with 64, and triple the time with two, since an idle Go runtime sleeps in milliseconds.
	defaultFlushDelay = 20 * time.Microsecond

	// writeTimeout and keepAlive find a dead connection within two seconds; with
	// rueidis's defaults it took 12.
	writeTimeout = time.Second
	keepAlive    = 300 * time.Millisecond

	defaultDialTimeout = time.Second

	// With few processors, one connection to a server rather than two or four collects more
	// commands for each write and read. With 64 goroutines on two cores it saves a quarter of the
	// time.
	fewProcessors = 4
	oneConnection = -1

	// sentinelRefresh is how often the client asks Sentinel for the master, in case it missed the
	// news of a failover.
	sentinelRefresh = 5 * time.Second
)

// Opener opens Redis URLs for [storeurl.Open].
//
//	redis://[user:password@]host[:port][,host[:port]...][/database]
//	rediss://...                                    over TLS
//	redis+unix://[user:password@]/path/to/socket    or unix:
//
// valkey: and valkeys: are as redis: and rediss:. The port is 6379 unless given; with
// several hosts, the last one's port is that of those before it that have none. Several
// hosts are nodes of a Cluster, or Sentinels. Parameters:
//
//   - cluster=true: it must be a Cluster; false: it is none; auto, the default: the server says.
//   - sentinel_master=NAME: the hosts are Sentinels, by default at port 26379, and NAME is the
//     master that they watch. sentinel_user and sentinel_password sign in to the Sentinels.
//   - prefix=TEXT: [Options.Prefix].
//   - near_cache=DURATION, wait_replicas=N and wait_timeout=DURATION: the options of these names.
//   - dial_timeout=DURATION: how long connecting may take; the default is 1s.
//   - flush_delay=DURATION: how long a command may wait to be sent with those of other requests, at
//     most 1ms; the default is 20us. A command that is alone does not wait.
//   - db=N: the database, for a Unix socket.
//   - ca=FILE: with rediss:, the certificates to trust instead of the system's, in PEM; cert=FILE
//     and key=FILE: the client's own; server_name=NAME: the name in the server's certificate.
//
// The client repeats nothing by itself, leaves a server that was demoted (see [Connections]), has
// one connection to a server if there are up to four processors, waits a second for an answer, and
// notices a dead connection within two.
func Opener() storeurl.Opener {
	return storeurl.Opener{
		Open: func(ctx context.Context, u *url.URL) (store.Store, io.Closer, error) {
			return openURL(ctx, u)
		},
		Schemes: []string{"redis", "rediss", "redis+unix", "unix", "valkey", "valkeys"},
	}
}

// Open opens a store by URL, in the forms of [Opener]. Close the [io.Closer] when the store is not
// needed any more. ctx bounds the opening only. No error contains a password.
func Open(ctx context.Context, rawURL string) (*Store, io.Closer, error) {
	store, closer, err := storeurl.Open(ctx, rawURL, Opener())
	if err != nil {
		return nil, nil, err
	}
	return store.(*Store), closer, nil
}

func openURL(ctx context.Context, u *url.URL) (*Store, io.Closer, error) {
	option, opts, err := parse(u)
	if err != nil {
		return nil, nil, err
	}
	var near *mirror
	if opts.NearCache > 0 {
		near = newMirror(opts.Prefix)
		option.client.OnInvalidations = near.invalidate
	}
	opts.Connections = new(Connections)
	opts.Connections.Track(&option.client)
	client, err := connect(ctx, option.client)
	if err == nil && option.mustCluster && client.Mode() != rueidis.ClientModeCluster {
		client.Close()
		err = errors.New("the server is no Cluster node")
	}
	if err != nil {
		return nil, nil, errors.New(withoutArguments(err.Error()))
	}
	store, err := New(client, opts)
	if err != nil { // parse has checked the options
		client.Close()
		return nil, nil, err
	}
	store.mirror = near
	return store, closer{client}, nil
}

type closer struct{ client rueidis.Client }

func (c closer) Close() error {
	c.client.Close()
	return nil
}

// connect is rueidis.NewClient with a context. A client that connects after its end is closed.
func connect(ctx context.Context, option rueidis.ClientOption) (rueidis.Client, error) {
	type result struct {
		client rueidis.Client
		err    error
	}
	done := make(chan result, 1)
	go func() {
		client, err := rueidis.NewClient(option)
		if err != nil && client != nil {
			client.Close()
			client = nil
		}
		done <- result{client, err}
	}()
	select {
	case r := <-done:
		return r.client, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.client != nil {
				r.client.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// clientOption is how to connect.
type clientOption struct {
	client      rueidis.ClientOption
	mustCluster bool
}

// parse reads a URL. Every error names what is wrong.
func parse(u *url.URL) (*clientOption, Options, error) {
	q := query{Query: storeurl.NewQuery(u)}
	unix := u.Scheme == "unix" || u.Scheme == "redis+unix"
	secure := u.Scheme == "rediss" || u.Scheme == "valkeys"
	const least = time.Millisecond
	opts := Options{
		NearCache:    q.duration("near_cache", least, time.Hour, 0),
		Prefix:       q.String("prefix", defaultPrefix),
		WaitReplicas: int(min(q.Int64("wait_replicas", 0, 0), math.MaxInt32)),
		WaitTimeout:  q.duration("wait_timeout", least, maxWaitTimeout, defaultWaitTimeout),
	}
	dialTimeout := q.duration("dial_timeout", least, time.Minute, defaultDialTimeout)
	o := &clientOption{client: rueidis.ClientOption{
		ConnWriteTimeout: writeTimeout,
		Dialer:           net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive},
		DisableCache:     opts.NearCache == 0,
		DisableRetry:     true,
		MaxFlushDelay:    q.duration("flush_delay", 0, time.Millisecond, defaultFlushDelay),
	}}
	c := &o.client
	if runtime.GOMAXPROCS(0) <= fewProcessors {
		c.PipelineMultiplex = oneConnection
	}
	if u.User != nil {
		c.Username = u.User.Username()
		c.Password, _ = u.User.Password()
	}
	database := strings.Trim(u.Path, "/")
	defaultPort := "6379"
	if unix {
		database = q.String("db", "")
		c.ForceSingleClient = true
	} else {
		switch q.OneOf("cluster", "auto", "true", "false") {
		case "true":
			o.mustCluster = true
		case "false":
			c.ForceSingleClient = true
		}
		if c.Sentinel.MasterSet = q.String("sentinel_master", ""); c.Sentinel.MasterSet != "" {
			defaultPort = "26379"
			c.Sentinel.Username = q.String("sentinel_user", "")
			c.Sentinel.Password = q.String("sentinel_password", "")
			c.Sentinel.Dialer = c.Dialer
			c.Sentinel.TopologyRefreshInterval = sentinelRefresh
		}
	}
	if database != "" {
		var err error
		if c.SelectDB, err = strconv.Atoi(database); err != nil || c.SelectDB < 0 {
			q.fail("the database is %q, want a number", database)
		}
	}
	if err := o.addresses(u, unix, defaultPort); err != nil {
		q.fail("%w", err)
	}
	if secure {
		var err error
		if c.TLSConfig, err = q.tls(); err != nil {
			q.fail("%w", err)
		}
		c.Sentinel.TLSConfig = c.TLSConfig
	}
	switch err := q.Err(); {
	case err != nil:
		return nil, opts, err
	case q.err != nil:
		return nil, opts, q.err
	case len(c.InitAddress) > 1 && c.ForceSingleClient:
		return nil, opts, errors.New("cluster=false takes one host")
	case o.mustCluster && c.Sentinel.MasterSet != "":
		return nil, opts, errors.New("cluster=true and sentinel_master exclude each other")
	case c.SelectDB != 0 && (o.mustCluster || len(c.InitAddress) > 1 && c.Sentinel.MasterSet == ""):
		return nil, opts, errors.New("a Cluster has database 0 only")
	}
	return o, opts, nil
}

// addresses reads the addresses of the servers.
func (o *clientOption) addresses(u *url.URL, unix bool, defaultPort string) error {
	c := &o.client
	if u.Fragment != "" || u.Opaque != "" {
		return errors.New("want redis://host:port/database?parameters")
	}
	if unix {
		if u.Host != "" || u.Path == "" || u.Path == "/" {
			return errors.New("want redis+unix:///path/to/socket")
		}
		c.InitAddress = []string{u.Path}
		c.DialCtxFn = func(
			ctx context.Context, path string, d *net.Dialer, _ *tls.Config,
		) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		}
		return nil
	}
	all := storeurl.Hosts(u)
	hosts := make([]string, len(all))
	port := defaultPort
	for i := len(hosts) - 1; i >= 0; i-- {
		one := &all[i]
		host := one.Hostname()
		if p := one.Port(); p != "" && i == len(hosts)-1 {
			port = p
		}
		if host == "" {
			if len(hosts) > 1 {
				return errors.New("a host is empty")
			}
			host = "localhost"
		}
		p := one.Port()
		if p == "" {
			p = port
		}
		hosts[i] = net.JoinHostPort(host, p)
	}
	c.InitAddress = hosts
	return nil
}

// query reads durations and TLS settings besides what storeurl.Query reads.
type query struct {
	*storeurl.Query
	err error
}

func (q *query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = fmt.Errorf(format, args...)
	}
}

func (q *query) duration(name string, least, most, otherwise time.Duration) time.Duration {
	text := q.String(name, "")
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		q.fail("parameter %s is %q, want a duration from %v to %v", name, text, least, most)
	}
	return d
}

func (q *query) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: q.String("server_name", "")}
	if file := q.String("ca", ""); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("parameter ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("parameter ca: no certificate in %s", file)
		}
	}
	cert, key := q.String("cert", ""), q.String("key", "")
	if (cert == "") != (key == "") {
		return nil, errors.New("the parameters cert and key go together")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("parameters cert and key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
