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

// WithStore returns the configuration with storeURL, a URL of [storeurl.Open] or of
// SQLAlchemy, in place of the store that SessionRedis and the like name. Complete it by
// [Config.StoreURL]. Here sqlite:///file is a full path, as for the store.
//
// Where SessionType is not set, it follows from the scheme: sqlalchemy for a database,
// unless the URL has layout=flask_postgres, and cachelib for files. A parameter, table or
// database in the URL wins over a setting that has its default.
//
// It is an error, which names both sides and no password, if the URL contradicts a
// setting or is of another type than SessionType. Other errors are those of
// [Config.Validate].
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
		return c, fmt.Errorf("%s is one of %s:, and Flask-Session has no such store, "+
			"or Go none that shares it", what, scheme)
	}
	if err != nil || u.Scheme == "" {
		return c, fmt.Errorf("%s is missing or malformed", what) // it may hold a password
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

// isDatabase reports whether a scheme is SQLAlchemy's for a database, with or without a
// driver.
func isDatabase(scheme string) bool {
	name, _, _ := strings.Cut(scheme, "+")
	return slices.Contains(schemes["sqlalchemy"], name)
}

// storeDatabase is fromSQLAlchemy for a URL in which three slashes stand before a full
// path.
func storeDatabase(rawURL string) (*url.URL, error) {
	if file, ok := strings.CutPrefix(rawURL, "sqlite:///"); ok {
		rawURL = "sqlite:////" + strings.TrimLeft(file, "/")
	}
	return fromSQLAlchemy(rawURL)
}

// typeOf returns the SessionType that a scheme belongs to, or "".
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

// adopt takes from the URL what the settings leave at their defaults.
func (c *Config) adopt(a *adopter, u *url.URL) {
	switch strings.ToLower(c.SessionType) {
	case "filesystem":
		mode := fileMode(c.SessionFileMode)
		a.text("mode", "SESSION_FILE_MODE", &mode, fileMode(a.of.SessionFileMode))
		if n, err := strconv.ParseUint(mode, 8, 32); err == nil {
			c.SessionFileMode = fs.FileMode(n)
		}
	case "mongodb":
		collect, db := &c.SessionMongoDBCollect, &c.SessionMongoDBDB
		a.text("collection", "SESSION_MONGODB_COLLECT", collect, a.of.SessionMongoDBCollect)
		name := strings.TrimPrefix(u.Path, "/")
		a.value(name, "database", "SESSION_MONGODB_DB", db, a.of.SessionMongoDBDB)
	case "dynamodb":
		table := &c.SessionDynamoDBTable
		a.value(u.Host, "table", "SESSION_DYNAMODB_TABLE", table, a.of.SessionDynamoDBTable)
		c.adoptCreate(a)
	case "sqlalchemy":
		table := &c.SessionSQLAlchemyTable
		a.text("table", "SESSION_SQLALCHEMY_TABLE", table, a.of.SessionSQLAlchemyTable)
	case "postgresql":
		schema, table := &c.SessionPostgreSQLSchema, &c.SessionPostgreSQLTable
		a.text("schema", "SESSION_POSTGRESQL_SCHEMA", schema, a.of.SessionPostgreSQLSchema)
		a.text("table", "SESSION_POSTGRESQL_TABLE", table, a.of.SessionPostgreSQLTable)
	}
}

// adoptCreate sets SessionDynamoDBTableExists by the parameter create, its opposite.
func (c *Config) adoptCreate(a *adopter) {
	switch create := a.q.Get("create"); {
	case create == "false":
		c.SessionDynamoDBTableExists = true
	case create == "true" && c.SessionDynamoDBTableExists && a.err == nil:
		a.err = errors.New("the URL of the store has the parameter create \"true\", " +
			"and SESSION_DYNAMODB_TABLE_EXISTS is true")
	}
}

// setURL sets the field that the type reads the store's URL from.
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

// adopter takes settings from a URL where they have their defaults. err is the first
// contradiction.
type adopter struct {
	q   url.Values
	of  Config // the defaults
	err error
}

// text takes a setting from a parameter.
func (a *adopter) text(name, setting string, field *string, standard string) {
	if a.q.Has(name) {
		a.value(a.q.Get(name), "parameter "+name, setting, field, standard)
	}
}

// value takes a setting from the URL. said is empty if the URL says nothing of it.
func (a *adopter) value(said, what, setting string, field *string, standard string) {
	switch {
	case said == *field || said == "" && what != "parameter prefix":
	case *field == standard:
		*field = said
	case a.err == nil:
		a.err = fmt.Errorf("the URL of the store has the %s %q, and %s is %q",
			what, said, setting, *field)
	}
}
