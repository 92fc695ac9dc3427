// Command demo serves a page that shows a session at work, with sessions in files or in memory.
//
//	go run ./cmd/demo
//	go run github.com/cloakroom-go/cloakroom/cmd/demo@latest -store memory:
//
// It needs the standard library alone, so that it starts within seconds. The same page with any
// other store is `cloakroom demo --store URL`, by the command in cmd/cloakroom.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cmd/internal/demo"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen at `HOST:PORT`; port 0 picks a free one")
	store := flag.String("store", "file:./cloakroom-data",
		"keep sessions in this store: memory: or the `URL` of a folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so a second signal ends the process at once
	if err := run(ctx, *addr, *store); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, storeURL string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	store, closer, err := storeurl.Open(ctx, demo.Bounded(storeURL),
		memstore.Opener(), filestore.Opener())
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("%w\n(for other stores: go run ./cmd/cloakroom demo --store URL)", err)
	}
	kind, _ := url.Parse(storeURL) // Open has parsed it
	err = demo.Server{
		Listener:  listener,
		Addr:      addr,
		Hosts:     demo.Hosts(addr, ""),
		Store:     store,
		StoreKind: kind.Scheme,
		Options:   cloakroom.Options{InsecureCookie: true},
		Log:       slog.Default(),
		Out:       os.Stdout,
	}.Run(ctx)
	if closeErr := closer.Close(); err == nil {
		err = closeErr
	}
	return err
}
