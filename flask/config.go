package flask

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// Config is what a Flask application configures about its sessions. Start from [Default]: Flask's
// defaults are not Go's zero values. The fields are named as in Flask.
type Config struct {
	// ApplicationRoot is the path of the cookie where SessionCookiePath is empty. The default is "/".
	ApplicationRoot string `flask:"APPLICATION_ROOT"`

	// PermanentSessionLifetime is how long a session is stored after it was last written, permanent or not, and
	// how long the cookie of a permanent one lives. The default is 31 days; less than a second is an
	// error, and so is a fraction of one.
	PermanentSessionLifetime time.Duration `flask:"PERMANENT_SESSION_LIFETIME"`

	// SecretKey signs the cookie when SessionUseSigner is set. See there for what else it does.
	SecretKey Secret `flask:"SECRET_KEY"`

	// SecretKeyFallbacks are keys that signed cookies before. Flask-Session ignores them.
	SecretKeyFallbacks []Secret `flask:"SECRET_KEY_FALLBACKS"`

	// SessionCachelib names the folder of a cachelib.FileSystemCache, as a URL cachelib:///folder or as a path. The
	// default is flask_session, in the working folder.
	SessionCachelib string `flask:"SESSION_CACHELIB"`

	// SessionCleanupNRequests removes expired rows about every so many requests, on SQL stores. The default, zero, is
	// never; run `cloakroom sweep` then, as one runs `flask session_cleanup`.
	SessionCleanupNRequests int `flask:"SESSION_CLEANUP_N_REQUESTS"`

	// SessionCookieDomain is the cookie's Domain. The default, empty, is none: the host alone.
	SessionCookieDomain string `flask:"SESSION_COOKIE_DOMAIN"`

	// SessionCookieHTTPOnly is the cookie's HttpOnly. The default is true.
	SessionCookieHTTPOnly bool `flask:"SESSION_COOKIE_HTTPONLY"`

	// SessionCookieName is the cookie's name. The default is "session".
	SessionCookieName string `flask:"SESSION_COOKIE_NAME"`

	// SessionCookiePartitioned is the cookie's Partitioned, which needs SessionCookieSecure. The default is false.
	// Flask-Session 0.8 ignores it.
	SessionCookiePartitioned bool `flask:"SESSION_COOKIE_PARTITIONED"`

	// SessionCookiePath is the cookie's Path. The default, empty, is ApplicationRoot.
	SessionCookiePath string `flask:"SESSION_COOKIE_PATH"`

	// SessionCookieSameSite is the cookie's SameSite: Lax, Strict or None, in any case. The default, empty, sends
	// none, which browsers take for Lax.
	SessionCookieSameSite string `flask:"SESSION_COOKIE_SAMESITE"`

	// SessionCookieSecure is the cookie's Secure. The default is false, as in Flask: set it.
	SessionCookieSecure bool `flask:"SESSION_COOKIE_SECURE"`

	// SessionDynamoDB is the store's URL for the type dynamodb.
	SessionDynamoDB string `flask:"SESSION_DYNAMODB"`

	// SessionDynamoDBTable is the table. The default is "Sessions".
	SessionDynamoDBTable string `flask:"SESSION_DYNAMODB_TABLE"`

	// SessionDynamoDBTableExists says that the table is there, so that none is made. The default is false.
	// It is on Flask-Session's development branch alone.
	SessionDynamoDBTableExists bool `flask:"SESSION_DYNAMODB_TABLE_EXISTS"`

	// SessionFileDir is the folder for the type filesystem. The default is flask_session, in the working folder.
	SessionFileDir string `flask:"SESSION_FILE_DIR"`

	// SessionFileMode is the mode of the files for the type filesystem. The default is 0600.
	SessionFileMode fs.FileMode `flask:"SESSION_FILE_MODE"`

	// SessionFileThreshold is how many files Python keeps for the type filesystem before it removes live
	// sessions. Cloakroom removes none. The default is 500.
	SessionFileThreshold int `flask:"SESSION_FILE_THRESHOLD"`

	// SessionIDLength is how many random bytes an id has. The default is 32; less than 16 or more than 128 is an error.
	SessionIDLength int `flask:"SESSION_ID_LENGTH"`

	// SessionKeyPrefix is put before every id. The default is "session:".
	SessionKeyPrefix string `flask:"SESSION_KEY_PREFIX"`

	// SessionMemcached is the store's URL for the type memcached. The default is memcached://127.0.0.1:11211.
	SessionMemcached string `flask:"SESSION_MEMCACHED"`

	// SessionMongoDB is the store's URL for the type mongodb. The default is mongodb://localhost:27017.
	SessionMongoDB string `flask:"SESSION_MONGODB"`

	// SessionMongoDBCollect is the collection. The default is "sessions".
	SessionMongoDBCollect string `flask:"SESSION_MONGODB_COLLECT"`

	// SessionMongoDBDB is the database. The default is "flask_session".
	SessionMongoDBDB string `flask:"SESSION_MONGODB_DB"`

	// SessionPermanent makes new sessions permanent. The default is true.
	SessionPermanent bool `flask:"SESSION_PERMANENT"`

	// SessionPostgreSQL is the store's URL for the type postgresql.
	SessionPostgreSQL string `flask:"SESSION_POSTGRESQL"`

	// SessionPostgreSQLSchema is the schema. The default is "public".
	SessionPostgreSQLSchema string `flask:"SESSION_POSTGRESQL_SCHEMA"`

	// SessionPostgreSQLTable is the table. The default is "flask_sessions".
	SessionPostgreSQLTable string `flask:"SESSION_POSTGRESQL_TABLE"`

	// SessionRedis is the store's URL for the type redis. The default is redis://localhost:6379/0.
	SessionRedis string `flask:"SESSION_REDIS"`

	// SessionRefreshEachRequest writes a session that exists on every request that touches it, so that it expires that
	// much later. The default is true.
	SessionRefreshEachRequest bool `flask:"SESSION_REFRESH_EACH_REQUEST"`

	// SessionSerializationFormat is msgpack or json. Either is read whatever this is. The types filesystem and
	// cachelib ignore it. The default is msgpack.
	SessionSerializationFormat string `flask:"SESSION_SERIALIZATION_FORMAT"`

	// SessionSQLAlchemy is the store's URL for the type sqlalchemy.
	SessionSQLAlchemy string `flask:"SESSION_SQLALCHEMY"`

	// SessionSQLAlchemyBindKey chooses among the databases of a Flask application. Here it means nothing.
	SessionSQLAlchemyBindKey string `flask:"SESSION_SQLALCHEMY_BIND_KEY"`

	// SessionSQLAlchemySchema is the table's schema. The default, empty, is the database's own.
	SessionSQLAlchemySchema string `flask:"SESSION_SQLALCHEMY_SCHEMA"`

	// SessionSQLAlchemySequence is the sequence that numbers the rows. The default, empty, is none.
	SessionSQLAlchemySequence string `flask:"SESSION_SQLALCHEMY_SEQUENCE"`

	// SessionSQLAlchemyTable is the table. The default is "sessions".
	SessionSQLAlchemyTable string `flask:"SESSION_SQLALCHEMY_TABLE"`

	// SessionType is where sessions are: redis, memcached, filesystem, cachelib, mongodb, sqlalchemy, dynamodb or
	// postgresql, in any case. It has no default.
	SessionType string `flask:"SESSION_TYPE"`

	// SessionUseSigner signs the cookie with SecretKey. The default is false; Flask-Session has deprecated it. Without it
	// Flask-Session refuses signed cookies, and Cloakroom takes them while it has the SecretKey.
	SessionUseSigner bool `flask:"SESSION_USE_SIGNER"`
}

// Default returns Flask's and Flask-Session's defaults. SessionType has none.
func Default() Config {
	return Config{
		ApplicationRoot:            "/",
		PermanentSessionLifetime:   31 * 24 * time.Hour,
		SessionCachelib:            "flask_session",
		SessionCookieHTTPOnly:      true,
		SessionCookieName:          "session",
		SessionDynamoDBTable:       "Sessions",
		SessionFileDir:             "flask_session",
		SessionFileMode:            0o600,
		SessionFileThreshold:       500,
		SessionIDLength:            32,
		SessionKeyPrefix:           "session:",
		SessionMemcached:           "memcached://127.0.0.1:11211",
		SessionMongoDB:             "mongodb://localhost:27017",
		SessionMongoDBCollect:      "sessions",
		SessionMongoDBDB:           "flask_session",
		SessionPermanent:           true,
		SessionPostgreSQLSchema:    "public",
		SessionPostgreSQLTable:     "flask_sessions",
		SessionRedis:               "redis://localhost:6379/0",
		SessionRefreshEachRequest:  true,
		SessionSerializationFormat: "msgpack",
		SessionSQLAlchemyTable:     "sessions",
	}
}

// types are the values of SessionType.
var types = []string{"redis", "memcached", "filesystem", "cachelib", "mongodb", "sqlalchemy", "dynamodb", "postgresql"}

// The bounds of SessionIDLength, in bytes, and of a store's key, which is memcached's.
const (
	minIDLength = 16
	maxIDLength = 128
	maxKey      = 250
)

// Validate returns the first thing that is wrong with a configuration, by the setting's Flask name.
func (c Config) Validate() error {
	for _, check := range []func() error{c.checkStore, c.checkID, c.checkSigner, c.checkCookie} {
		if err := check(); err != nil {
			return fmt.Errorf("flask: %w", err)
		}
	}
	return nil
}

// Format returns the format of SessionSerializationFormat.
func (c Config) Format() (cloakroom.Format, error) {
	switch c.SessionSerializationFormat {
	case "msgpack":
		return cloakroom.MessagePack, nil
	case "json":
		return cloakroom.JSON, nil
	}
	return 0, fmt.Errorf("flask: SESSION_SERIALIZATION_FORMAT is %q, want msgpack or json", c.SessionSerializationFormat)
}

func (c Config) checkStore() error {
	switch t := strings.ToLower(c.SessionType); {
	case t == "" || t == "null":
		return fmt.Errorf("SESSION_TYPE is not set: it is one of %s", strings.Join(types, ", "))
	case !slices.Contains(types, t):
		return fmt.Errorf("SESSION_TYPE is %q, want one of %s", c.SessionType, strings.Join(types, ", "))
	}
	switch {
	case c.PermanentSessionLifetime < time.Second:
		return fmt.Errorf("PERMANENT_SESSION_LIFETIME is %v, and less than a second is none: start from flask.Default()", c.PermanentSessionLifetime)
	case c.PermanentSessionLifetime%time.Second != 0:
		return fmt.Errorf("PERMANENT_SESSION_LIFETIME is %v, and Flask keeps whole seconds", c.PermanentSessionLifetime)
	case c.SessionCleanupNRequests < 0:
		return fmt.Errorf("SESSION_CLEANUP_N_REQUESTS is %d, want a number of requests", c.SessionCleanupNRequests)
	case c.SessionFileThreshold < 0:
		return fmt.Errorf("SESSION_FILE_THRESHOLD is %d, want a number of files", c.SessionFileThreshold)
	case c.SessionFileMode&^fs.ModePerm != 0:
		return fmt.Errorf("SESSION_FILE_MODE is %#o, want permissions alone", c.SessionFileMode)
	}
	_, err := c.Format()
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "flask: "))
	}
	return nil
}

func (c Config) checkID() error {
	if c.SessionIDLength < minIDLength || c.SessionIDLength > maxIDLength {
		return fmt.Errorf("SESSION_ID_LENGTH is %d bytes, want %d to %d", c.SessionIDLength, minIDLength, maxIDLength)
	}
	for _, r := range c.SessionKeyPrefix {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("SESSION_KEY_PREFIX is %q, and stores want printable ASCII", c.SessionKeyPrefix)
		}
	}
	if n := len(c.SessionKeyPrefix) + encoding.EncodedLen(c.SessionIDLength); n > maxKey {
		return fmt.Errorf("SESSION_KEY_PREFIX and an id of SESSION_ID_LENGTH make keys of %d bytes, and stores want at most %d", n, maxKey)
	}
	return nil
}

func (c Config) checkSigner() error {
	switch {
	case c.SessionUseSigner && len(c.SecretKey) == 0:
		return errors.New("SESSION_USE_SIGNER needs a SECRET_KEY")
	case len(c.SecretKeyFallbacks) > 0 && len(c.SecretKey) == 0:
		return errors.New("SECRET_KEY_FALLBACKS without a SECRET_KEY")
	}
	for i, key := range c.SecretKeyFallbacks {
		if len(key) == 0 {
			return fmt.Errorf("SECRET_KEY_FALLBACKS[%d] is empty", i)
		}
	}
	return nil
}

func (c Config) checkCookie() error {
	if c.SessionCookieName == "" {
		return errors.New("SESSION_COOKIE_NAME is empty")
	}
	switch c.sameSite() {
	case "", "lax", "strict":
	case "none":
		if !c.SessionCookieSecure {
			return errors.New("SESSION_COOKIE_SAMESITE None needs SESSION_COOKIE_SECURE: browsers drop the cookie")
		}
	default:
		return fmt.Errorf("SESSION_COOKIE_SAMESITE is %q, want Lax, Strict or None", c.SessionCookieSameSite)
	}
	name := strings.ToLower(c.SessionCookieName) // prefixes count in any case: RFC 6265bis, 4.1.3
	switch {
	case c.SessionCookiePartitioned && !c.SessionCookieSecure:
		return errors.New("SESSION_COOKIE_PARTITIONED needs SESSION_COOKIE_SECURE: browsers drop the cookie")
	case strings.HasPrefix(name, "__secure-") && !c.SessionCookieSecure:
		return fmt.Errorf("SESSION_COOKIE_NAME %q needs SESSION_COOKIE_SECURE: browsers drop the cookie", c.SessionCookieName)
	case strings.HasPrefix(name, "__host-") && (!c.SessionCookieSecure || c.SessionCookieDomain != "" || c.cookiePath() != "/"):
		return fmt.Errorf("SESSION_COOKIE_NAME %q needs SESSION_COOKIE_SECURE, no SESSION_COOKIE_DOMAIN and the path /: browsers drop the cookie", c.SessionCookieName)
	}
	return nil
}

func (c Config) sameSite() string { return strings.ToLower(c.SessionCookieSameSite) }

// cookiePath returns the cookie's path.
func (c Config) cookiePath() string {
	if c.SessionCookiePath != "" {
		return c.SessionCookiePath
	}
	return c.ApplicationRoot
}
