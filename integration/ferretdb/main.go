// Command ferretdb serves MongoDB's protocol on a TCP address, from a folder of SQLite
// files, for the tests in the module above. It is FerretDB 1.24, whose own command does
// not run as a dependency.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:27017", "`host:port` to listen on")
	dir := flag.String("dir", ".", "folder of the SQLite files")
	flag.Parse()
	if err := serve(*addr, *dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs until the process is told to stop.
func serve(addr, dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	errorsOnly := &slog.HandlerOptions{Level: slog.LevelError}
	f, err := ferretdb.New(&ferretdb.Config{
		Handler:   "sqlite",
		Listener:  ferretdb.ListenerConfig{TCP: addr},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, errorsOnly)),
		SQLiteURL: "file:" + dir + "/",
	})
	if err != nil {
		return err
	}
	return f.Run(ctx)
}
