package flask

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// WithStore returns the configuration for the store that storeURL names, a URL of [storeurl.Open] or
// of SQLAlchemy, in place of what SessionRedis and the like say. Call [Config.StoreURL] next, which
// completes it. A sqlite:///file is a full path here, as for the store.
//
// The settings say the rest, and SessionType too; where that is unset, it follows from
// the scheme: sqlalchemy for a database, unless the URL has layout=flask_postgres, and
// cachelib for files. A parameter, table or database in the URL decides where the
// setting has its default. Where they contradict each other, and where the URL is of
// another type than SessionType, it is an error that names them, and no password. The
// error is also that of [Config.Validate].
func (c Config) WithStore(storeURL string) (Config, error) {
	c, err := c.withStore(storeURL)
	if err != nil {
		return c, fmt.Errorf("flask: %w", err)
	}
	return c, c.Validate()
}

func (c Config) withStore(storeURL string) (Config, error) {
	const what = "the URL of the store"
	u, err := url.Parse(storeURL)
	switch scheme, _, ok := strings.Cut(storeURL, ":"); {
	case ok && isDatabase(scheme):
		if u, err = storeDatabase(storeURL); err != nil {
			return c, fmt.Errorf("%s %w", what, err)
		}
	case ok && isScheme(strings.ReplaceAll(scheme, "_", "")) && typeOf(scheme, nil) == "":
		return c, fmt.Errorf("%s is one of %s:, and Flask-Session has no such store, or Go none that shares it", what, scheme)
	}
	if err != nil || u.Scheme == "" {
		return c, fmt.Errorf("%s is none, or malformed", what) // it may hold a password
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return c, fmt.Errorf("%s has a malformed query", what)
	}
	if c.SessionType == "" {
		c.SessionType = typeOf(u.Scheme, q)
	}
	if err := c.checkScheme(what, u.Scheme); err != nil {
		return c, err
	}
	a := adopter{q: q, of: Default()}
	a.text("prefix", "SESSION_KEY_PREFIX", &c.SessionKeyPrefix, a.of.SessionKeyPrefix)
	c.adopt(&a, u)
	if a.err != nil {
		return c, a.err
	}
	c.setURL(u)
	return c, nil
}

// isDatabase reports whether a scheme is one of SQLAlchemy's, known or not.
func isDatabase(scheme string) bool {
	name, _, _ := strings.Cut(scheme, "+")
	return slices.Contains(schemes["sqlalchemy"], name)
}

// storeDatabase is fromSQLAlchemy where three slashes are before a full path.
func storeDatabase(rawURL string) (*url.URL, error) {
	if file, ok := strings.CutPrefix(rawURL, "sqlite:///"); ok {
		rawURL = "sqlite:////" + strings.TrimLeft(file, "/")
	}
	return fromSQLAlchemy(rawURL)
}

// typeOf returns the type of the stores of a scheme, or an empty text.
func typeOf(scheme string, q url.Values) string {
	switch {
	case scheme == "postgres" && q.Get("layout") == layoutPostgres:
		return "postgresql"
	case scheme == "cachelib":
		return "cachelib"
	}
	for _, t := range types {
		if slices.Contains(schemes[t], scheme) {
			return t
		}
	}
	return ""
}

// adopt takes over what the URL says and the settings do not.
func (c *Config) adopt(a *adopter, u *url.URL) {
	switch strings.ToLower(c.SessionType) {
	case "filesystem":
		mode := fileMode(c.SessionFileMode)
		a.text("mode", "SESSION_FILE_MODE", &mode, fileMode(a.of.SessionFileMode))
		if n, err := strconv.ParseUint(mode, 8, 32); err == nil {
			c.SessionFileMode = fs.FileMode(n)
		}
	case "mongodb":
		a.text("collection", "SESSION_MONGODB_COLLECT", &c.SessionMongoDBCollect, a.of.SessionMongoDBCollect)
		a.value(strings.TrimPrefix(u.Path, "/"), "database", "SESSION_MONGODB_DB", &c.SessionMongoDBDB, a.of.SessionMongoDBDB)
	case "dynamodb":
		a.value(u.Host, "table", "SESSION_DYNAMODB_TABLE", &c.SessionDynamoDBTable, a.of.SessionDynamoDBTable)
		if create := a.q.Get("create"); create == "false" {
			c.SessionDynamoDBTableExists = true
		} else if create == "true" && c.SessionDynamoDBTableExists && a.err == nil {
			a.err = errors.New(`the URL of the store has the parameter create "true", and SESSION_DYNAMODB_TABLE_EXISTS is true`)
		}
	case "sqlalchemy":
		a.text("table", "SESSION_SQLALCHEMY_TABLE", &c.SessionSQLAlchemyTable, a.of.SessionSQLAlchemyTable)
	case "postgresql":
		a.text("schema", "SESSION_POSTGRESQL_SCHEMA", &c.SessionPostgreSQLSchema, a.of.SessionPostgreSQLSchema)
		a.text("table", "SESSION_POSTGRESQL_TABLE", &c.SessionPostgreSQLTable, a.of.SessionPostgreSQLTable)
	}
}

// setURL makes u what the setting of the type says.
func (c *Config) setURL(u *url.URL) {
	text := u.String()
	switch strings.ToLower(c.SessionType) {
	case "redis":
		c.SessionRedis = text
	case "memcached":
		c.SessionMemcached = text
	case "filesystem":
		c.SessionFileDir = text
	case "cachelib":
		c.SessionCachelib = text
	case "mongodb":
		c.SessionMongoDB = text
	case "dynamodb":
		c.SessionDynamoDB = text
	case "postgresql":
		c.SessionPostgreSQL = text
	case "sqlalchemy":
		if u.Scheme == "sqlite" && u.Opaque == "" { // SQLAlchemy's fourth slash
			text = strings.Replace(text, "sqlite://", "sqlite:///", 1)
		}
		c.SessionSQLAlchemy, c.SQLAlchemyDatabaseURI, c.SessionSQLAlchemyBindKey = text, "", ""
	}
}

// adopter sets settings that have their defaults from the parameters of a URL, and
// notes the first contradiction.
type adopter struct {
	q   url.Values
	of  Config // the defaults
	err error
}

// text is value for a parameter of the URL.
func (a *adopter) text(name, setting string, field *string, standard string) {
	if a.q.Has(name) {
		a.value(a.q.Get(name), "parameter "+name, setting, field, standard)
	}
}

// value sets a field with its default to what the URL says, unless that is nothing.
func (a *adopter) value(said, what, setting string, field *string, standard string) {
	switch {
	case said == *field || said == "" && what != "parameter prefix":
	case *field == standard:
		*field = said
	case a.err == nil:
		a.err = fmt.Errorf("the URL of the store has the %s %q, and %s is %q", what, said, setting, *field)
	}
}
