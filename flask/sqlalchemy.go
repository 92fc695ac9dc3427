package flask

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sqlAlchemyURL returns the URL of the database of the type sqlalchemy.
func (c Config) sqlAlchemyURL() (string, error) {
	setting, rawURL := "SESSION_SQLALCHEMY", fullPath(c.SessionSQLAlchemy)
	if rawURL == "" && c.SQLAlchemyDatabaseURI != "" {
		setting, rawURL = "SQLALCHEMY_DATABASE_URI", c.SQLAlchemyDatabaseURI
	}
	switch {
	case c.SessionSQLAlchemySequence != "":
		return "", errors.New("SESSION_SQLALCHEMY_SEQUENCE is not supported: leave it out here, " +
			"and make it the default of the table's id column")
	case c.SessionSQLAlchemyBindKey != "" && c.SessionSQLAlchemy == "":
		return "", errors.New("SESSION_SQLALCHEMY_BIND_KEY chooses another database than " +
			"SQLALCHEMY_DATABASE_URI: set SESSION_SQLALCHEMY to the URL of that one")
	}
	return c.databaseURL(setting, rawURL, parameters{
		{"schema", c.SessionSQLAlchemySchema}, {"sweep_every", c.sweepEvery()},
		{"table", c.SessionSQLAlchemyTable},
	})
}

// fullPath returns sqlite:///file with the fourth slash of a full path, if only the full
// path is in a folder that exists.
func fullPath(rawURL string) string {
	file, ok := strings.CutPrefix(rawURL, "sqlite:///")
	if !ok || strings.HasPrefix(file, "/") {
		return rawURL
	}
	name, _, _ := strings.Cut(file, "?")
	if folder := filepath.Dir(unquote(name)); !isFolder(folder) && isFolder("/"+folder) {
		return "sqlite:////" + file
	}
	return rawURL
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// databaseURL is [Config.completed] for a URL that SQLAlchemy spells.
func (c Config) databaseURL(setting, rawURL string, more parameters) (string, error) {
	if rawURL == "" {
		return "", fmt.Errorf("%s is not set: want the URL of the store", setting)
	}
	u, err := fromSQLAlchemy(rawURL)
	if err == nil && u.Opaque != "" && setting == "SQLALCHEMY_DATABASE_URI" {
		err = errors.New("names a file in Flask's instance folder: " +
			"give its full path, as sqlite:////srv/app/instance/app.db")
	}
	if err != nil {
		return "", fmt.Errorf("%s %w", setting, err)
	}
	if err := c.checkScheme(setting, u.Scheme); err != nil {
		return "", err
	}
	return c.withParameters(setting, u, more)
}

// errNoDatabase does not show the URL, which may hold a password.
var errNoDatabase = errors.New("is no URL of a database: want one as " +
	"postgresql://user:password@host:5432/database or sqlite:////path/to/file")

// fromSQLAlchemy turns a URL of SQLAlchemy into one of package sqlstore. It drops
// parameters of Python's drivers that change nothing and keeps all others, for the store
// to refuse. It also takes sqlite:file, the store's own spelling of a relative path.
func fromSQLAlchemy(rawURL string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(rawURL, ":")
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+") // without the driver of Python
	switch {
	case !ok || !isScheme(strings.ReplaceAll(scheme, "_", "")): // as cx_oracle
		return nil, errNoDatabase
	case name == "postgresql":
		name = "postgres"
	case !slices.Contains(schemes["sqlalchemy"], name):
		return nil, fmt.Errorf("is a URL of %s:, and Go can share sessions of the databases "+
			"sqlite, postgresql, mysql and mariadb", scheme)
	case scheme == "sqlite+pysqlcipher":
		return nil, errors.New("is a URL of sqlite+pysqlcipher:, " +
			"whose encrypted files cannot be shared")
	}
	u := &url.URL{Scheme: name}
	if name == "sqlite" {
		return u, sqliteFile(u, rest)
	}
	return u, serverDatabase(u, rest)
}

// sqliteFile sets the file's path. SQLAlchemy puts a slash before it: three slashes stand
// before a relative path and four before a full one.
func sqliteFile(u *url.URL, rest string) error {
	file, query, _ := strings.Cut(rest, "?")
	err := setQuery(u, query, nil,
		"cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout")
	if err != nil {
		return err
	}
	if below, ok := strings.CutPrefix(file, "//"); ok {
		if file, ok = strings.CutPrefix(below, "/"); !ok && below != "" {
			return errNoDatabase
		}
	}
	switch file = unquote(file); {
	case file == "" || strings.HasPrefix(file, ":memory:"):
		return errors.New("is a database in the memory of one process, which no other can share")
	case strings.HasPrefix(file, "file:"):
		return errors.New("is a URL of SQLite's own: " +
			"give the file's path, as sqlite:////path/to/file")
	case strings.HasPrefix(file, "/"):
		u.Path = file
	default:
		u.Opaque = relativePath(file)
	}
	return nil
}

// relativePath returns a path as the opaque part of a URL.
func relativePath(path string) string {
	return strings.ReplaceAll(url.PathEscape(path), "%2F", "/")
}

// serverDatabase sets user, host and database.
func serverDatabase(u *url.URL, rest string) error {
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return errNoDatabase
	}
	u.User, rest = cutUser(rest)
	rest, query, _ := strings.Cut(rest, "?")
	host, database, _ := strings.Cut(rest, "/")
	u.Host, u.Path = host, "/"+unquote(database)
	if again, err := url.Parse("x://" + host); err != nil || again.Host != host {
		return errNoDatabase
	}
	names := map[string]string{"unix_socket": "socket"}
	if u.Scheme == "postgres" {
		names = nil
	}
	return setQuery(u, query, names, "autocommit", "charset", "client_encoding", "use_unicode")
}

// cutUser cuts user and password off. In SQLAlchemy's URLs a password may hold anything
// but @, such as a slash, a question mark or a number sign.
func cutUser(rest string) (*url.Userinfo, string) {
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	if strings.HasPrefix(rest[end:], ":") {
		if at := strings.IndexByte(rest[end:], '@'); at >= 0 {
			name, password := unquote(rest[:end]), unquote(rest[end+1:end+at])
			return url.UserPassword(name, password), rest[end+at+1:]
		}
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		return url.User(unquote(rest[:at])), rest[at+1:]
	}
	return nil, rest
}

// setQuery sets the parameters: without those named, and some under another name.
func setQuery(u *url.URL, query string, names map[string]string, without ...string) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("has a malformed query")
	}
	for _, name := range without {
		q.Del(name)
	}
	for from, to := range names {
		if q.Has(from) {
			q[to] = q[from]
			q.Del(from)
		}
	}
	u.RawQuery = q.Encode()
	return nil
}

// unquote decodes %XX and leaves other percent signs alone, as Python does.
func unquote(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
