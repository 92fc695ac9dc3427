package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cmd/internal/demo"
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
	// Before the store is opened: a wrong path leaves no folder behind.
	var certificate *tls.Certificate
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return fmt.Errorf("--tls: %w", err)
		}
		certificate = &pair
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	store, closer, err := openStore(ctx, demo.Bounded(c.store))
	if err != nil {
		_ = listener.Close()
		return err
	}
	log := logger(t)
	defer func() {
		if err := closer.Close(); err != nil {
			log.Error("the store did not close cleanly", "error", err)
		}
	}()
	err = demo.Server{
		Listener:    listener,
		Addr:        c.addr,
		Certificate: certificate,
		Hosts:       demo.Hosts(c.addr, c.hosts),
		Store:       store,
		StoreKind:   schemeOf(c.store),
		Options:     options,
		Log:         log,
		Out:         t.out,
	}.Run(ctx)
	if wrong := (*demo.OptionsError)(nil); errors.As(err, &wrong) {
		return usagef("%s", err)
	}
	return err
}
