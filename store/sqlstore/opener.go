package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// source is how to connect.
type source struct {
	dsn      string
	file     string // SQLite's; or ""
	maxConns int    // the default
	forever  bool   // connections must not be closed
}

// Opener opens databases by URL for [storeurl.Open], with a driver of database/sql that the program
// imports. driver is the name under which it is registered: "pgx" or "postgres" for [Postgres],
// "mysql" for [MySQL], "sqlite" (modernc.org/sqlite) or "sqlite3" (mattn/go-sqlite3) for [SQLite].
//
//   - sqlite:///var/lib/app/sessions.db, sqlite:sessions.db relative to the working folder,
//     sqlite::memory:. journal=wal is the default, or delete, truncate, persist; synchronous=full
//     is, or normal or off, which lose the latest writes in a power failure. The file is made for
//     its user alone. A file or journal is refused if it is a symbolic link, belongs to a user
//     other than this process's and root, or may be written by others, or stands below a folder
//     that everyone may write without the sticky bit; trust=on allows it.
//   - postgres://user:password@host:5432/database, also postgresql:, with these parameters of pgx
//     and lib/pq: sslmode, sslrootcert, sslcert, sslkey, host, port, user, connect_timeout
//     (2 seconds unless given), application_name, target_session_attrs, timezone, search_path,
//     options, default_query_exec_mode.
//   - mysql://user:password@host:3306/database, also mariadb:. socket=PATH is a Unix socket;
//     tls=true, skip-verify or preferred; timeout=DURATION is how long connecting may take (2s);
//     wsrep_sync_wait=N is that variable of Galera: with 1, no node reads what is older than what
//     another one has acknowledged, such as a sign-out.
//
// And for all of them:
//
//   - create=auto, the default, makes the table if it is missing; with never that is
//     [storeurl.ErrNoStore], and nothing is made or changed.
//   - layout=flask_postgres, zone=NAME, prefix=TEXT, schema=NAME, table=NAME: the options of these
//     names.
//   - max_conns=N: how many connections there may be; the default is 10, for SQLite 8.
//   - migrate=true calls [Store.Migrate].
//   - prepare=off is [Options.NoPrepare].
//   - sweep_every=N, sweep_interval=DURATION: the options of these names.
func Opener(d Dialect, driver string) storeurl.Opener {
	open := func(ctx context.Context, u *url.URL) (store.Store, io.Closer, error) {
		return openURL(ctx, d, driver, u)
	}
	o := storeurl.Opener{Open: open}
	switch d {
	case SQLite:
		o.Schemes = []string{"sqlite"}
	case Postgres:
		o.Schemes = []string{"postgres", "postgresql"}
	case MySQL:
		o.Schemes = []string{"mysql", "mariadb"}
	}
	return o
}

// Open opens a store by URL, in the forms of [Opener]. Close the [io.Closer] when the store is not
// needed any more: it closes the store and the database. ctx bounds the opening only. No error
// contains a password.
func Open(ctx context.Context, d Dialect, driver, rawURL string) (*Store, io.Closer, error) {
	store, closer, err := storeurl.Open(ctx, rawURL, Opener(d, driver))
	if err != nil {
		return nil, nil, err
	}
	return store.(*Store), closer, nil
}

func openURL(ctx context.Context, d Dialect, driver string, u *url.URL) (*Store, io.Closer, error) {
	q := storeurl.NewQuery(u)
	opts := Options{
		Dialect:    d,
		NoPrepare:  q.OneOf("prepare", "on", "off") == "off",
		Prefix:     q.String("prefix", ""),
		Schema:     q.String("schema", ""),
		SweepEvery: int(min(q.Int64("sweep_every", 1, 0), 1<<30)),
		Table:      q.String("table", ""),
		Zone:       q.String("zone", ""),
	}
	if q.OneOf("layout", "sqlalchemy", "flask_postgres") == "flask_postgres" {
		opts.Layout = FlaskPostgres
	}
	create := q.OneOf("create", "auto", "never") == "auto"
	migrate := q.OneOf("migrate", "false", "true") == "true"
	maxConns := int(min(q.Int64("max_conns", 1, 0), 1<<20))
	interval := q.String("sweep_interval", "0s")
	src, err := d.impl().dsn(driver, u, q)
	if unknown := q.Err(); unknown != nil {
		err = unknown
	}
	if err == nil {
		err = src.useFile(u, !create)
	}
	if err != nil {
		return nil, nil, err
	}
	if opts.SweepInterval, err = time.ParseDuration(interval); err != nil {
		return nil, nil, fmt.Errorf("parameter sweep_interval is %q, want a duration", interval)
	}
	db, err := sql.Open(driver, src.dsn)
	if err != nil {
		return nil, nil, err
	}
	if maxConns == 0 || src.forever {
		maxConns = src.maxConns
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	if !src.forever {
		db.SetConnMaxIdleTime(time.Minute)
		db.SetConnMaxLifetime(10 * time.Minute)
	}
	s, err := New(db, opts)
	if err == nil {
		if create {
			err = src.makeFile(u)
		}
		if err == nil {
			err = noStore(s.ready(ctx, create, migrate), !create)
		}
		if err != nil {
			_ = s.Close()
		}
	}
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return s, closer{s, db}, nil
}

// ready makes the table unless it is there. It then defines nothing, since the right to may be
// missing.
func (s *Store) ready(ctx context.Context, create, migrate bool) error {
	_, err := s.look(ctx)
	if errors.Is(err, errNoTable) && create {
		if creating := s.CreateTable(ctx); creating != nil {
			return creating
		}
		err = nil
	}
	if err == nil && migrate {
		return s.Migrate(ctx)
	}
	return s.failed(ctx, "open", err)
}

type closer struct {
	store *Store
	db    *sql.DB
}

func (c closer) Close() error { return errors.Join(c.store.Close(), c.db.Close()) }

// busyTimeout is how long SQLite itself waits for a lock, in milliseconds. It is short, since
// SQLite does not look at the context and sleeps longer and longer: the store tries again. Without
// a write-ahead log it is longer: a COMMIT waits for readers, and must be repeated as a whole.
func busyTimeout(journal string) string {
	if journal == "wal" {
		return "10"
	}
	return "60"
}

func (sqlite) dsn(driver string, u *url.URL, q *storeurl.Query) (source, error) {
	journal := q.OneOf("journal", "wal", "delete", "truncate", "persist")
	synchronous := q.OneOf("synchronous", "full", "normal", "off")
	name := u.Path
	if u.Opaque != "" {
		var err error
		if name, err = url.PathUnescape(u.Opaque); err != nil {
			return source{}, errors.New("the file's name is escaped wrongly")
		}
	}
	if u.Host != "" && u.Host != "localhost" || u.User != nil || u.Fragment != "" {
		return source{}, errors.New("want sqlite::memory:, sqlite:file or sqlite:///path/to/file")
	}
	src := source{file: name, maxConns: 8}
	_ = q.OneOf("trust", "off", "on") // see checkFile
	where := "file:" + (&url.URL{Path: name}).EscapedPath()
	switch {
	case name == "":
		const forms = "sqlite::memory:, sqlite:file or sqlite:///path/to/file"
		return source{}, errors.New("the file's name is missing: want " + forms)
	case name == ":memory:":
		where, src = "file::memory:", source{maxConns: 1, forever: true}
	case strings.Contains(name, ":memory:"):
		return source{}, errors.New("want sqlite::memory: for a database in memory")
	}
	pragmas := sqlitePragmas(driver, journal, synchronous)
	if pragmas == "" {
		return source{}, unknownDriver(driver, "sqlite or sqlite3")
	}
	src.dsn = where + "?" + pragmas
	return src, nil
}

// SQLitePragmas returns what to put behind the question mark of a data source name for connections
// as [Opener] makes them: with a write-ahead log, so that reads and a write do not wait for each
// other, synchronised at every commit, and waiting 10 ms for a lock, after which the store tries
// again. driver is "sqlite" (modernc.org/sqlite) or "sqlite3" (mattn/go-sqlite3); for others the
// result is empty.
//
//	db, err := sql.Open("sqlite", "file:app.db?"+sqlstore.SQLitePragmas("sqlite"))
//
// An application that writes to the same database without trying again should append a longer
// busy timeout, such as "&_pragma=busy_timeout(1000)".
func SQLitePragmas(driver string) string { return sqlitePragmas(driver, "wal", "full") }

func sqlitePragmas(driver, journal, synchronous string) string {
	switch driver {
	case "sqlite":
		return "_pragma=busy_timeout(" + busyTimeout(journal) + ")" +
			"&_pragma=journal_mode(" + journal + ")&_pragma=synchronous(" + synchronous + ")"
	case "sqlite3":
		return "_busy_timeout=" + busyTimeout(journal) +
			"&_journal_mode=" + journal + "&_synchronous=" + synchronous
	}
	return ""
}

func unknownDriver(driver, want string) error {
	return fmt.Errorf("sqlstore.Opener does not know the driver %q, want %s: "+
		"open the database yourself and pass it to sqlstore.New", driver, want)
}

// postgresParameters are passed on to the driver.
var postgresParameters = []string{
	"sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "connect_timeout",
	"application_name", "target_session_attrs", "timezone", "search_path", "options",
	"default_query_exec_mode",
}

// serverConns is few, since a server answers many requests on each. When fifty requests come at
// once to a busy machine, opening a connection for each takes longer than their time limit.
const (
	connectSeconds = 2
	serverConns    = 10
)

func (postgres) dsn(driver string, u *url.URL, q *storeurl.Query) (source, error) {
	values := url.Values{}
	for _, name := range postgresParameters {
		if v := q.String(name, ""); v != "" {
			values.Set(name, v)
		}
	}
	if !values.Has("connect_timeout") {
		values.Set("connect_timeout", strconv.Itoa(connectSeconds))
	}
	if driver != "pgx" && driver != "postgres" {
		return source{}, unknownDriver(driver, "pgx or postgres")
	}
	if u.Opaque != "" || u.Fragment != "" {
		return source{}, errors.New("want postgres://user:password@host:port/database?parameters")
	}
	dsn := *u
	// The drivers cannot parse a list with an IPv6 address.
	if strings.Contains(u.Host, ",") && strings.Contains(u.Host, "[") {
		if values.Has("host") || values.Has("port") {
			return source{}, errors.New("hosts in the URL exclude the parameters host and port")
		}
		var hosts, ports []string
		for _, one := range storeurl.Hosts(u) {
			port := one.Port()
			if port == "" {
				port = "5432"
			}
			hosts, ports = append(hosts, one.Hostname()), append(ports, port)
		}
		dsn.Host = ""
		values.Set("host", strings.Join(hosts, ","))
		values.Set("port", strings.Join(ports, ","))
	}
	// A space must not be a plus, which the drivers do not decode.
	dsn.Scheme, dsn.RawQuery = "postgres", strings.ReplaceAll(values.Encode(), "+", "%20")
	return source{dsn: dsn.String(), maxConns: serverConns}, nil
}

func (mysql) dsn(driver string, u *url.URL, q *storeurl.Query) (source, error) {
	socket := q.String("socket", "")
	tls := q.String("tls", "")
	timeout := q.String("timeout", strconv.Itoa(connectSeconds)+"s")
	syncWait := q.Int64("wsrep_sync_wait", 0, -1)
	database := strings.TrimPrefix(u.Path, "/")
	password, _ := u.User.Password()
	switch d, err := time.ParseDuration(timeout); {
	case driver != "mysql":
		return source{}, unknownDriver(driver, "mysql")
	case u.Opaque != "" || u.Fragment != "":
		return source{}, errors.New("want mysql://user:password@host:port/database?parameters")
	case database == "" || strings.Contains(database, "/"):
		const form = "mysql://user:password@host:port/database"
		return source{}, errors.New("the database is missing: want " + form)
	case strings.Contains(u.User.Username(), ":"):
		return source{}, errors.New("the driver takes no user with a colon in the name")
	case socket != "" && u.Host != "":
		return source{}, errors.New("a host and parameter socket exclude each other")
	case syncWait > 15:
		const text = "parameter wsrep_sync_wait is %d, want a number from 0 to 15"
		return source{}, fmt.Errorf(text, syncWait)
	case err != nil || d <= 0:
		return source{}, fmt.Errorf("parameter timeout is %q, want a duration", timeout)
	}
	address := "unix(" + socket + ")"
	if socket == "" {
		host, port := u.Hostname(), u.Port()
		if host == "" {
			host = "localhost"
		}
		if port == "" {
			port = "3306"
		}
		address = "tcp(" + net.JoinHostPort(host, port) + ")"
	}
	values := url.Values{"timeout": {timeout}}
	if tls != "" {
		values.Set("tls", tls)
	}
	if syncWait >= 0 {
		values.Set("wsrep_sync_wait", strconv.FormatInt(syncWait, 10))
	}
	user := u.User.Username()
	if password != "" {
		user += ":" + password
	}
	dsn := user + "@" + address + "/" + url.PathEscape(database) + "?" + values.Encode()
	return source{dsn: dsn, maxConns: serverConns}, nil
}
