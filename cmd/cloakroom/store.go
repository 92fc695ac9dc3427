package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/filestore"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
	"github.com/cloakroom-go/cloakroom/storeurl"
)

// defaultStore is where the demo keeps sessions unless it is told otherwise.
const defaultStore = "file:./cloakroom-data"

// openers are the stores that this command knows.
func openers() []storeurl.Opener {
	return []storeurl.Opener{memstore.Opener(), filestore.Opener()}
}

// openTimeout bounds the opening of a store.
const openTimeout = 15 * time.Second

func openStore(ctx context.Context, rawURL string) (cloakroom.Store, io.Closer, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return storeurl.Open(ctx, rawURL, openers()...)
}

// schemeOf returns the scheme of a store URL that was opened, and nothing else of it: the rest may
// hold a password.
func schemeOf(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil {
		return u.Scheme
	}
	return ""
}

// mustExist returns an error for a folder of files that is not there: opening it would make it, which
// is for an application to do, and not for whoever misspelled its name.
func mustExist(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "file" {
		return nil
	}
	dir := u.Path
	if u.Opaque != "" {
		if dir, err = url.PathUnescape(u.Opaque); err != nil {
			return nil // opening says what is wrong
		}
	}
	if _, err := os.Stat(dir); dir != "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %q", dir)
	}
	return nil
}

// withStore calls do with a manager of the sessions in a store.
func withStore(ctx context.Context, t terminal, rawURL string, do func(*cloakroom.Manager) error) (err error) {
	if err := mustExist(rawURL); err != nil {
		return err
	}
	store, closer, err := openStore(ctx, rawURL)
	if err != nil {
		return err
	}
	defer func() {
		if closing := closer.Close(); err == nil && closing != nil {
			err = fmt.Errorf("close the store: %w", closing)
		}
	}()
	if schemeOf(rawURL) == "memory" {
		fmt.Fprintln(t.err, "note: memory: is this process's own memory, so there is nothing in it")
	}
	m, err := cloakroom.New(store, cloakroom.Options{Logger: logger(t)})
	if err != nil {
		return err
	}
	return do(m)
}
