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

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/cachelibstore"
	"github.com/cloakroom-go/cloakroom/stores/dynamodbstore"
	"github.com/cloakroom-go/cloakroom/stores/filestore"
	"github.com/cloakroom-go/cloakroom/stores/memcachedstore"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
	"github.com/cloakroom-go/cloakroom/stores/mongostore"
	"github.com/cloakroom-go/cloakroom/stores/redisstore"
	"github.com/cloakroom-go/cloakroom/stores/sqlstore"
	"github.com/cloakroom-go/cloakroom/storeurl"
)

// defaultStore is where the demo keeps sessions unless it is told otherwise.
const defaultStore = "file:./cloakroom-data"

// openers are the stores that this command knows.
func openers() []storeurl.Opener {
	return []storeurl.Opener{
		memstore.Opener(),
		cachelibstore.Opener(),
		filestore.Opener(),
		memcachedstore.Opener(),
		mongostore.Opener(),
		redisstore.Opener(),
		sqlstore.Opener(sqlstore.SQLite, "sqlite"),
		sqlstore.Opener(sqlstore.Postgres, "pgx"),
		sqlstore.Opener(sqlstore.MySQL, "mysql"),
		dynamodbstore.Opener(),
	}
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

// mustExist returns an error for a folder of files, or a file of SQLite, that is not there: opening it would make
// it, which is for an application to do, and not for whoever misspelled its name.
func mustExist(rawURL string) error {
	what, path := pathOf(rawURL)
	if path == "" || path == ":memory:" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s %q", what, path)
	}
	return nil // opening says what else may be wrong
}

// pathOf returns the folder or the file of a URL that is of one, or "" for any other or a malformed one.
func pathOf(rawURL string) (what, path string) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return "", ""
	case u.Scheme == "file" || u.Scheme == "cachelib":
		what = "folder"
	case u.Scheme == "sqlite":
		what = "file"
	default:
		return "", ""
	}
	if u.Opaque == "" {
		return what, u.Path
	}
	path, _ = url.PathUnescape(u.Opaque) // empty when it fails
	return what, path
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
		t.complainf("note: memory: is this process's own memory, so there is nothing in it\n")
	}
	m, err := cloakroom.New(store, cloakroom.Options{Logger: logger(t)})
	if err != nil {
		return err
	}
	return do(m)
}
