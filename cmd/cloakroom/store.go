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

// defaultStore is where the demo keeps sessions by default.
const defaultStore = "file:./cloakroom-data"

// storeEnv is the environment variable that names the store where no argument does: it
// keeps passwords out of the list of processes.
const storeEnv = "CLOAKROOM_STORE"

// maxStoreFile is how long a file with a URL may be, in bytes.
const maxStoreFile = 64 << 10

// storeURL returns the URL that an argument stands for: itself, what the file holds for
// @PATH, or what [storeEnv] holds for "-", which may be @PATH too.
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

// makingNothing returns the URL with create=never, in place of any create that it has:
// opening it makes no folder or table. A store that makes nothing knows no such
// parameter, so its URL is returned as it is.
func makingNothing(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Fragment != "" {
		return rawURL
	}
	switch u.Scheme {
	case "file", "cachelib", "sqlite", "postgres", "postgresql", "mysql", "mariadb",
		"mongodb", "mongodb+srv", "dynamodb":
	default:
		return rawURL
	}
	where, query, _ := strings.Cut(rawURL, "?")
	parameters := strings.FieldsFunc(query, func(r rune) bool { return r == '&' })
	parameters = slices.DeleteFunc(parameters, func(p string) bool {
		return strings.HasPrefix(p, "create=")
	})
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

// schemeOf returns the scheme of a store URL, and nothing else of it: the rest may hold a
// password.
func schemeOf(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil {
		return u.Scheme
	}
	return ""
}

// mustExist returns an error if the folder of files, or the file of SQLite, does not
// exist, even if the URL says that it may be made: an application makes it, and here the
// name may be misspelled.
func mustExist(rawURL string) error {
	what, path := pathOf(rawURL)
	if path == "" || path == ":memory:" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no %s %q", storeurl.ErrNoStore, what, path)
	}
	return nil // opening reports what else is wrong
}

// pathOf returns the folder or the file that a URL names, or "" for other stores and for
// a malformed URL.
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
	path, _ = url.PathUnescape(u.Opaque) // empty if malformed
	return what, path
}

// withStore opens a store that exists and calls do with a manager of its sessions.
// application is [cloakroom.Options.Application].
func withStore(
	ctx context.Context, t terminal, rawURL, application string, do func(*cloakroom.Manager) error,
) (err error) {
	defer func() { err = storeurl.Hide(err, rawURL) }()
	if err := mustExist(rawURL); err != nil {
		return err
	}
	store, closer, err := openStore(ctx, makingNothing(rawURL))
	if err != nil {
		return err
	}
	defer closing(closer, &err)
	if schemeOf(rawURL) == "memory" {
		t.complainf("note: memory: is this process's own memory, so there is nothing in it\n")
	}
	m, err := cloakroom.New(store, cloakroom.Options{Application: application, Logger: logger(t)})
	if err != nil {
		return usagef("%s", err)
	}
	return do(m)
}
