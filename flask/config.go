package flask

import (
	"io/fs"
	"time"
)

// Config is what a Flask application configures about its sessions. Start from [Default]:
// Flask's defaults are not Go's zero values. The fields are named as in Flask.
//
// It follows Flask 3.1, Flask-Session 0.8.0 and its development branch, Flask-Login 0.6.3
// and Flask-SQLAlchemy 3.1. Flask ignores the settings whose names begin with CLOAKROOM_.
type Config struct {
	// ApplicationRoot is the path of the cookie where SessionCookiePath is empty. The
	// default is "/".
	ApplicationRoot string `flask:"APPLICATION_ROOT"`

	// CloakroomCachelibHash is the hash by which the types filesystem and cachelib name
	// their files: sha256, md5 (cachelib before 0.16), or detect, the default, which
	// looks into the folder.
	CloakroomCachelibHash string `flask:"CLOAKROOM_CACHELIB_HASH"`

	// CloakroomMaxBytes is [cloakroom.Options.MaxBytes], from 1,024 to 1 GiB. The
	// default is 16 MiB, far above what a Flask application stores, which has no limit
	// of its own.
	CloakroomMaxBytes int `flask:"CLOAKROOM_MAX_BYTES"`

	// CloakroomMaxValues is [cloakroom.Options.MaxValues], from 1 to 65,536. The
	// default is 8,192.
	CloakroomMaxValues int `flask:"CLOAKROOM_MAX_VALUES"`

	// PermanentSessionLifetime is how long a session lives after it was last written, and
	// how long the cookie of a permanent one lives: whole seconds, at least one. The
	// default is 31 days.
	PermanentSessionLifetime time.Duration `flask:"PERMANENT_SESSION_LIFETIME"`

	// RememberCookieDomain is the Domain of Flask-Login's cookie. The default, empty,
	// is none: it does not follow SessionCookieDomain.
	RememberCookieDomain string `flask:"REMEMBER_COOKIE_DOMAIN"`

	// RememberCookieHTTPOnly is the HttpOnly of Flask-Login's cookie. The default is true.
	RememberCookieHTTPOnly bool `flask:"REMEMBER_COOKIE_HTTPONLY"`

	// RememberCookieName is the name of the cookie by which Flask-Login signs a visitor
	// in again. Logout clears it, or Flask would undo the sign-out, and so does Login of
	// another owner. The default is "remember_token"; empty is for an application without
	// Flask-Login.
	RememberCookieName string `flask:"REMEMBER_COOKIE_NAME"`

	// RememberCookiePath is the Path of Flask-Login's cookie. The default is "/".
	RememberCookiePath string `flask:"REMEMBER_COOKIE_PATH"`

	// RememberCookieSameSite is the SameSite of Flask-Login's cookie: Lax, Strict or
	// None, in any case. The default, empty, sends none.
	RememberCookieSameSite string `flask:"REMEMBER_COOKIE_SAMESITE"`

	// RememberCookieSecure is the Secure of Flask-Login's cookie. The default is false.
	RememberCookieSecure bool `flask:"REMEMBER_COOKIE_SECURE"`

	// SecretKey signs the cookie when SessionUseSigner is set. Without that, cookies that
	// it signed are still accepted.
	SecretKey Secret `flask:"SECRET_KEY"`

	// SecretKeyFallbacks are former keys, whose signatures are accepted. Flask-Session
	// ignores them.
	SecretKeyFallbacks []Secret `flask:"SECRET_KEY_FALLBACKS"`

	// SessionCachelib names the folder of a cachelib.FileSystemCache, as a URL
	// cachelib:///folder or file:///folder, or as a path. The default is flask_session,
	// in the working folder. Other caches of cachelib cannot be shared, and their URLs
	// are errors.
	SessionCachelib string `flask:"SESSION_CACHELIB"`

	// SessionCleanupNRequests removes expired rows about once in so many requests, on SQL
	// stores. The default, zero, is never: run `cloakroom sweep` then, as one runs `flask
	// session_cleanup`.
	SessionCleanupNRequests int `flask:"SESSION_CLEANUP_N_REQUESTS"`

	// SessionCookieDomain is the cookie's Domain. The default, empty, is none: the host
	// alone. [FromMap] and [FromEnv] take Flask's False for none too.
	SessionCookieDomain string `flask:"SESSION_COOKIE_DOMAIN"`

	// SessionCookieHTTPOnly is the cookie's HttpOnly. The default is true.
	SessionCookieHTTPOnly bool `flask:"SESSION_COOKIE_HTTPONLY"`

	// SessionCookieName is the cookie's name. The default is "session".
	SessionCookieName string `flask:"SESSION_COOKIE_NAME"`

	// SessionCookiePartitioned is the cookie's Partitioned, which needs
	// SessionCookieSecure. The default is false. Flask-Session 0.8 ignores it.
	SessionCookiePartitioned bool `flask:"SESSION_COOKIE_PARTITIONED"`

	// SessionCookiePath is the cookie's Path. The default, empty, is ApplicationRoot.
	SessionCookiePath string `flask:"SESSION_COOKIE_PATH"`

	// SessionCookieSameSite is the cookie's SameSite: Lax, Strict or None, in any case.
	// The default, empty, sends none, which browsers take for Lax.
	SessionCookieSameSite string `flask:"SESSION_COOKIE_SAMESITE"`

	// SessionCookieSecure is the cookie's Secure. The default is false, as in Flask: set it.
	SessionCookieSecure bool `flask:"SESSION_COOKIE_SECURE"`

	// SessionDynamoDB is the store's URL for the type dynamodb.
	SessionDynamoDB string `flask:"SESSION_DYNAMODB"`

	// SessionDynamoDBTable is the table. The default is "Sessions".
	SessionDynamoDBTable string `flask:"SESSION_DYNAMODB_TABLE"`

	// SessionDynamoDBTableExists says that the table exists, so that none is created. The
	// default is false. Only Flask-Session's development branch has it.
	SessionDynamoDBTableExists bool `flask:"SESSION_DYNAMODB_TABLE_EXISTS"`

	// SessionFileDir is the folder for the type filesystem. The default is
	// flask_session, in the working folder.
	SessionFileDir string `flask:"SESSION_FILE_DIR"`

	// SessionFileMode is the mode of the files for the type filesystem. The default is 0600.
	SessionFileMode fs.FileMode `flask:"SESSION_FILE_MODE"`

	// SessionFileThreshold is how many files Python keeps for the type filesystem before
	// it removes live sessions. Cloakroom removes none. The default is 500.
	SessionFileThreshold int `flask:"SESSION_FILE_THRESHOLD"`

	// SessionIDLength is how many random bytes an id has. The default is 32; less than
	// 16 or more than 128 is an error.
	SessionIDLength int `flask:"SESSION_ID_LENGTH"`

	// SessionKeyPrefix is put before every id, in UTF-8 and without control characters.
	// For the type memcached it is printable ASCII without spaces. The default is
	// "session:".
	SessionKeyPrefix string `flask:"SESSION_KEY_PREFIX"`

	// SessionMemcached is the store's URL for the type memcached. The default is
	// memcached://127.0.0.1:11211.
	SessionMemcached string `flask:"SESSION_MEMCACHED"`

	// SessionMongoDB is the store's URL for the type mongodb. The default is
	// mongodb://localhost:27017.
	SessionMongoDB string `flask:"SESSION_MONGODB"`

	// SessionMongoDBCollect is the collection. The default is "sessions".
	SessionMongoDBCollect string `flask:"SESSION_MONGODB_COLLECT"`

	// SessionMongoDBDB is the database. The default is "flask_session".
	SessionMongoDBDB string `flask:"SESSION_MONGODB_DB"`

	// SessionPermanent makes new sessions permanent. The default is true.
	SessionPermanent bool `flask:"SESSION_PERMANENT"`

	// SessionPostgreSQL is the store's URL for the type postgresql, in either spelling.
	// In Flask it is a connection pool.
	SessionPostgreSQL string `flask:"SESSION_POSTGRESQL"`

	// SessionPostgreSQLSchema is the schema. The default is "public".
	SessionPostgreSQLSchema string `flask:"SESSION_POSTGRESQL_SCHEMA"`

	// SessionPostgreSQLTable is the table. The default is "flask_sessions".
	SessionPostgreSQLTable string `flask:"SESSION_POSTGRESQL_TABLE"`

	// SessionRedis is the store's URL for the type redis. The default is
	// redis://localhost:6379/0.
	SessionRedis string `flask:"SESSION_REDIS"`

	// SessionRefreshEachRequest writes a session that exists on every request that
	// touches it, so that it expires that much later. The default is true.
	SessionRefreshEachRequest bool `flask:"SESSION_REFRESH_EACH_REQUEST"`

	// SessionSerializationFormat is the form of new sessions: msgpack, json, or pickle,
	// which Flask does not know. Use pickle beside Flask-Session before 0.7 and where
	// session_interface.serializer is pickle, and json where it is orjson. A stored
	// session is read in any form, and keeps its own. The types filesystem and cachelib
	// ignore the setting: their files are pickles. The default is msgpack.
	SessionSerializationFormat string `flask:"SESSION_SERIALIZATION_FORMAT"`

	// SessionSQLAlchemy is the store's URL for the type sqlalchemy, as SQLAlchemy spells
	// it: postgresql+psycopg2://user:password@host/database, mysql+pymysql://...,
	// sqlite:////var/app.db for a full path and sqlite:///app.db for one below the
	// working folder. If that folder does not exist, sqlite:///var/app.db is a full path
	// too. The default, empty, is SQLAlchemyDatabaseURI.
	SessionSQLAlchemy string `flask:"SESSION_SQLALCHEMY"`

	// SessionSQLAlchemyBindKey chooses among the databases of a Flask application. With it,
	// SessionSQLAlchemy must name that database.
	SessionSQLAlchemyBindKey string `flask:"SESSION_SQLALCHEMY_BIND_KEY"`

	// SessionSQLAlchemySchema is the table's schema. The default, empty, is the
	// database's own.
	SessionSQLAlchemySchema string `flask:"SESSION_SQLALCHEMY_SCHEMA"`

	// SessionSQLAlchemySequence is the sequence that numbers the rows. The default,
	// empty, is none.
	SessionSQLAlchemySequence string `flask:"SESSION_SQLALCHEMY_SEQUENCE"`

	// SessionSQLAlchemyTable is the table. The default is "sessions".
	SessionSQLAlchemyTable string `flask:"SESSION_SQLALCHEMY_TABLE"`

	// SessionType is where sessions are: redis, memcached, filesystem, cachelib,
	// mongodb, sqlalchemy, dynamodb or postgresql, in any case. It has no default.
	SessionType string `flask:"SESSION_TYPE"`

	// SQLAlchemyDatabaseURI is Flask-SQLAlchemy's database, for the type sqlalchemy where
	// SessionSQLAlchemy is empty. A SQLite file needs its full path: Flask-SQLAlchemy
	// looks for others in the application's instance folder.
	SQLAlchemyDatabaseURI string `flask:"SQLALCHEMY_DATABASE_URI"`

	// SessionUseSigner signs the cookie with SecretKey. The default is false, and
	// Flask-Session has deprecated it. Without it, Flask-Session refuses signed cookies;
	// Cloakroom accepts them as long as it has the SecretKey.
	SessionUseSigner bool `flask:"SESSION_USE_SIGNER"`
}

// Default returns Flask's and Flask-Session's defaults. SessionType has none.
func Default() Config {
	return Config{
		ApplicationRoot:            "/",
		CloakroomCachelibHash:      "detect",
		CloakroomMaxBytes:          16 << 20,
		CloakroomMaxValues:         8192,
		PermanentSessionLifetime:   31 * 24 * time.Hour,
		RememberCookieHTTPOnly:     true,
		RememberCookieName:         "remember_token",
		RememberCookiePath:         "/",
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
