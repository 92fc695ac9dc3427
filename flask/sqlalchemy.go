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
		return "", errors.New("SESSION_SQLALCHEMY_SEQUENCE is not supported: make it the default of the table's id column, and leave the setting out here")
	case c.SessionSQLAlchemyBindKey != "" && c.SessionSQLAlchemy == "":
		return "", errors.New("SESSION_SQLALCHEMY_BIND_KEY chooses another database than SQLALCHEMY_DATABASE_URI: set SESSION_SQLALCHEMY to the URL of that one")
	}
	return c.databaseURL(setting, rawURL, parameters{
		{"schema", c.SessionSQLAlchemySchema}, {"sweep_every", c.sweepEvery()}, {"table", c.SessionSQLAlchemyTable},
	})
}

// fullPath gives a file of SQLite four slashes that has three, as URLs of Cloakroom's
// stores have before a full path, where that has a folder and a relative one would have
// none.
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

// databaseURL is completed for a database whose URL is spelled as SQLAlchemy does.
func (c Config) databaseURL(setting, rawURL string, more parameters) (string, error) {
	if rawURL == "" {
		return "", fmt.Errorf("%s is not set, and is to be the URL of the store", setting)
	}
	u, err := fromSQLAlchemy(rawURL)
	if err == nil && u.Scheme == "sqlite" && setting == "SQLALCHEMY_DATABASE_URI" && u.Opaque != "" {
		err = errors.New("names a file in Flask's instance folder: give its full path, as sqlite:////srv/app/instance/app.db")
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
var errNoDatabase = errors.New("is no URL of a database: want one as postgresql://user:password@host:5432/database or sqlite:////path/to/file")

// fromSQLAlchemy returns the URL, for a store of package sqlstore, of a database that
// SQLAlchemy's URL names. What drivers for Python alone have is dropped where it
// changes nothing. Other parameters stay, for the store to refuse. sqlite:file, the
// spelling of the store for a relative path, is taken too.
func fromSQLAlchemy(rawURL string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(rawURL, ":")
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+") // the driver's name is Python's affair
	switch {
	case !ok || !isScheme(strings.ReplaceAll(scheme, "_", "")): // as cx_oracle
		return nil, errNoDatabase
	case name == "postgresql":
		name = "postgres"
	case !slices.Contains(schemes["sqlalchemy"], name):
		return nil, fmt.Errorf("is a URL of %s:, and Go can share sessions of the databases sqlite, postgresql, mysql and mariadb", scheme)
	case scheme == "sqlite+pysqlcipher":
		return nil, errors.New("is a URL of sqlite+pysqlcipher:, and files that are encrypted cannot be shared")
	}
	u := &url.URL{Scheme: name}
	if name == "sqlite" {
		return u, sqliteFile(u, rest)
	}
	return u, serverDatabase(u, rest)
}

// sqliteFile fills in the file's name. SQLAlchemy has a slash before it, so that three
// are before a relative path and four before a full one.
func sqliteFile(u *url.URL, rest string) error {
	file, query, _ := strings.Cut(rest, "?")
	err := setQuery(u, query, nil, "cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout")
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
		return errors.New("is a database in the memory of one process, which no other shares")
	case strings.HasPrefix(file, "file:"):
		return errors.New("has a URL of SQLite's own: give the file's path, as sqlite:////path/to/file")
	case strings.HasPrefix(file, "/"):
		u.Path = file
	default:
		u.Opaque = strings.ReplaceAll(url.PathEscape(file), "%2F", "/")
	}
	return nil
}

// serverDatabase fills in user, host and database.
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

// cutUser splits user and password off. SQLAlchemy takes a password as it is but for @
// and what is percent-encoded, so there may be a slash, a question mark or a number
// sign in one.
func cutUser(rest string) (*url.Userinfo, string) {
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	if strings.HasPrefix(rest[end:], ":") {
		if at := strings.IndexByte(rest[end:], '@'); at >= 0 {
			return url.UserPassword(unquote(rest[:end]), unquote(rest[end+1:end+at])), rest[end+at+1:]
		}
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		return url.User(unquote(rest[:at])), rest[at+1:]
	}
	return nil, rest
}

// setQuery fills in the parameters: those of Python's drivers that mean nothing to
// others are left out, and some have another name.
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

// unquote decodes what is percent-encoded, and leaves other percent signs, as Python does.
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
