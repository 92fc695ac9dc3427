package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// defaultStore is where the demo keeps sessions unless it is told otherwise.
const defaultStore = "file:./cloakroom-data"

// storeEnv is the environment variable that names the store where no argument does, so
// that no password is in the list of processes.
const storeEnv = "CLOAKROOM_STORE"

// maxStoreFile is how long a file with a URL may be, in bytes.
const maxStoreFile = 64 << 10

// storeURL returns the URL that an argument stands for: itself, the content of a file
// for @PATH, or that of [storeEnv] for "-", which may be @PATH too.
func storeURL(arg string) (string, error) {
	if arg == "-" {
		if arg = strings.TrimSpace(os.Getenv(storeEnv)); arg == "" || arg == "-" {
			return "", usagef("- stands for the URL in %s, which is not set", storeEnv)
		}
	}
	path, ok := strings.CutPrefix(arg, "@")
	if !ok {
		return arg, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxStoreFile+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	switch {
	case text == "":
		return "", fmt.Errorf("%s is empty: it must hold the URL of a store", path)
	case len(b) > maxStoreFile || strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("%s must hold the URL of a store, and nothing else", path)
	}
	return text, nil
}

// makingNothing returns the URL with create=never, whatever it says of that: opening
// then makes no folder or table. A store that has nothing to make knows no such
// parameter.
func makingNothing(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Fragment != "" {
		return rawURL
	}
	switch u.Scheme {
	case "file", "cachelib", "sqlite", "postgres", "postgresql", "mysql", "mariadb", "mongodb", "mongodb+srv", "dynamodb":
	default:
		return rawURL
	}
	where, query, _ := strings.Cut(rawURL, "?")
	parameters := strings.FieldsFunc(query, func(r rune) bool { return r == '&' })
	parameters = slices.DeleteFunc(parameters, func(p string) bool { return strings.HasPrefix(p, "create=") })
	return where + "?" + strings.Join(append(parameters, "create=never"), "&")
}

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

func openStore(ctx context.Context, rawURL string) (store.Store, io.Closer, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return storeurl.Open(ctx, rawURL, openers()...)
}

// schemeOf returns the scheme of a store URL that was opened, and nothing else of it:
// the rest may hold a password.
func schemeOf(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil {
		return u.Scheme
	}
	return ""
}

// mustExist returns an error for a folder of files, or a file of SQLite, that is not
// there, whatever the URL says of making it: that is for an application to do, and a
// name may be misspelled.
func mustExist(rawURL string) error {
	what, path := pathOf(rawURL)
	if path == "" || path == ":memory:" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no %s %q", storeurl.ErrNoStore, what, path)
	}
	return nil // opening says what else may be wrong
}

// pathOf returns the folder or the file of a URL that is of one, or "" for any other or
// a malformed one.
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

// withStore calls do with a manager of the sessions in a store that is there.
// application is that of
// [cloakroom.Options].
func withStore(ctx context.Context, t terminal, rawURL, application string, do func(*cloakroom.Manager) error) (err error) {
	defer func() { err = storeurl.Hide(err, rawURL) }()
	if err := mustExist(rawURL); err != nil {
		return err
	}
	store, closer, err := openStore(ctx, makingNothing(rawURL))
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
	m, err := cloakroom.New(store, cloakroom.Options{Application: application, Logger: logger(t)})
	if err != nil {
		return usagef("%s", err)
	}
	return do(m)
}
