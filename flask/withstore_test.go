package flask_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
)

// settings returns a configuration that is not validated: a type may be missing.
func unchecked(t *testing.T, settings map[string]any) flask.Config {
	t.Helper()
	c, err := flask.FromMap(settings)
	if err != nil && !strings.Contains(err.Error(), "SESSION_TYPE is not set") {
		t.Fatal(err)
	}
	return c
}

// The settings complete what the URL leaves open.
func TestWithStore(t *testing.T) {
	for _, tt := range []struct {
		settings  map[string]any
		url, want string
	}{
		{nil, "redis://h/1", "redis://h/1?prefix=session%3A"},
		{nil, "redis://h/1?prefix=shop:", "redis://h/1?prefix=shop%3A"},
		{map[string]any{"SESSION_KEY_PREFIX": "shop:"}, "rediss://u:p@h/1", "rediss://u:p@h/1?prefix=shop%3A"},
		{map[string]any{"SESSION_KEY_PREFIX": "shop:", "SESSION_TYPE": "Redis", "SESSION_REDIS": "redis://other"}, "redis://h?prefix=shop:", "redis://h?prefix=shop%3A"},
		{nil, "memcached://h", "memcached://h?prefix=session%3A"},
		{map[string]any{"SESSION_KEY_PREFIX": "s:"}, "cachelib:///x", "cachelib:///x?pickles=on&prefix=s%3A"},
		{nil, "cachelib:///x?prefix=", "cachelib:///x?pickles=on&prefix="},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_MODE": 0o640}, "cachelib:x", "cachelib:x?mode=0640&pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "filesystem"}, "cachelib:x?mode=0640", "cachelib:x?mode=0640&pickles=on&prefix=session%3A"},
		{map[string]any{"CLOAKROOM_CACHELIB_HASH": "md5"}, "cachelib:x", "cachelib:x?hash=md5&pickles=on&prefix=session%3A"},
		{nil, "mongodb://u:p@h", "mongodb://u:p@h/flask_session?authSource=admin&collection=sessions&prefix=session%3A"},
		{nil, "mongodb://u:p@h/d?collection=c", "mongodb://u:p@h/d?authSource=d&collection=c&prefix=session%3A"},
		{map[string]any{"SESSION_MONGODB_DB": "d", "SESSION_MONGODB_COLLECT": "c"}, "mongodb://h", "mongodb://h/d?collection=c&prefix=session%3A"},
		{nil, "sqlite:///var/a.db", "sqlite:///var/a.db?prefix=session%3A&table=sessions"},
		{nil, "sqlite:////var/a.db", "sqlite:///var/a.db?prefix=session%3A&table=sessions"},
		{nil, "sqlite:a b.db?table=t", "sqlite:a%20b.db?prefix=session%3A&table=t"},
		{map[string]any{"SESSION_SQLALCHEMY_TABLE": "t", "SESSION_SQLALCHEMY_SCHEMA": "s", "SESSION_SQLALCHEMY_BIND_KEY": "b"}, "postgresql+psycopg2://u:p@h/d",
			"postgres://u:p@h/d?prefix=session%3A&schema=s&table=t"},
		{nil, "postgres://h/d?schema=s", "postgres://h/d?prefix=session%3A&schema=s&table=sessions"},
		{map[string]any{"SESSION_TYPE": "postgresql"}, "postgres://h/d?schema=s", "postgres://h/d?layout=flask_postgres&prefix=session%3A&schema=s&table=flask_sessions"},
		{nil, "postgres://h/d?layout=flask_postgres&table=t", "postgres://h/d?layout=flask_postgres&prefix=session%3A&schema=public&table=t"},
		{nil, "mysql+pymysql://u:p@h/d?charset=utf8mb4", "mysql://u:p@h/d?prefix=session%3A&table=sessions"},
		{nil, "dynamodb:", "dynamodb://Sessions?create=true&prefix=session%3A"},
		{nil, "dynamodb://T?create=false&region=r", "dynamodb://T?create=false&prefix=session%3A&region=r"},
		{map[string]any{"SESSION_DYNAMODB_TABLE": "T", "SESSION_DYNAMODB_TABLE_EXISTS": true}, "dynamodb:?region=r", "dynamodb://T?create=false&prefix=session%3A&region=r"},
	} {
		c, err := unchecked(t, tt.settings).WithStore(tt.url)
		if err != nil {
			t.Errorf("%s, %v: %v", tt.url, tt.settings, err)
			continue
		}
		if got, err := c.StoreURL(); got != tt.want || err != nil {
			t.Errorf("%s, %v:\n%s, %v, want\n%s", tt.url, tt.settings, got, err, tt.want)
		}
	}
}

// An error names what contradicts the settings.
func TestWithStoreRefuses(t *testing.T) {
	for _, tt := range []struct {
		settings  map[string]any
		url, says string
	}{
		{map[string]any{"SESSION_TYPE": "redis"}, "memcached://u:hush@h", "a URL of memcached:, and SESSION_TYPE is redis"},
		{map[string]any{"SESSION_TYPE": "redis"}, "cachelib:x", "a URL of cachelib:, and SESSION_TYPE is redis"},
		{map[string]any{"SESSION_TYPE": "cachelib"}, "redis://:hush@h", "a URL of redis:, and SESSION_TYPE is cachelib"},
		{map[string]any{"SESSION_TYPE": "postgresql"}, "mysql://u:hush@h/d", "a URL of mysql:, and SESSION_TYPE is postgresql"},
		{nil, "file:./x", "one of file:, and Flask-Session has no such store"},
		{nil, "memory:", "one of memory:"},
		{nil, "", "missing or malformed"},
		{nil, "redis://u:hush@h:x", "missing or malformed"},
		{nil, "redis://u:hush@h?%zz", "malformed query"},
		{nil, "mssql+pyodbc://u:hush@h/d", "one of mssql+pyodbc:"},
		{nil, "oracle+cx_oracle://u:hush@h/d", "one of oracle+cx_oracle:"},
		{nil, "postgresql+psycopg2:hush", "no URL of a database"},
		{nil, "sqlite::memory:", "memory of one process"},
		{map[string]any{"SESSION_KEY_PREFIX": "shop:"}, "redis://h?prefix=other:", `the parameter prefix "other:", and SESSION_KEY_PREFIX is "shop:"`},
		{map[string]any{"SESSION_KEY_PREFIX": "shop:"}, "redis://h?prefix=session:", `the parameter prefix "session:", and SESSION_KEY_PREFIX is "shop:"`},
		{map[string]any{"SESSION_MONGODB_DB": "d"}, "mongodb://h/e", `the database "e", and SESSION_MONGODB_DB is "d"`},
		{map[string]any{"SESSION_MONGODB_COLLECT": "c"}, "mongodb://h/?collection=d", `the parameter collection "d", and SESSION_MONGODB_COLLECT is "c"`},
		{map[string]any{"SESSION_SQLALCHEMY_TABLE": "t"}, "sqlite:x?table=u", `the parameter table "u", and SESSION_SQLALCHEMY_TABLE is "t"`},
		{map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL_TABLE": "t"}, "postgres://h/d?table=u", `the parameter table "u", and SESSION_POSTGRESQL_TABLE is "t"`},
		{map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL_SCHEMA": "s"}, "postgres://h/d?schema=t", `the parameter schema "t", and SESSION_POSTGRESQL_SCHEMA is "s"`},
		{map[string]any{"SESSION_DYNAMODB_TABLE": "T"}, "dynamodb://U", `the table "U", and SESSION_DYNAMODB_TABLE is "T"`},
		{map[string]any{"SESSION_DYNAMODB_TABLE_EXISTS": true}, "dynamodb:?create=true", "SESSION_DYNAMODB_TABLE_EXISTS is true"},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_MODE": 0o640}, "cachelib:x?mode=0600", `the parameter mode "0600", and SESSION_FILE_MODE is "0640"`},
		{map[string]any{"SESSION_SQLALCHEMY_SCHEMA": "s"}, "postgres://h/d?schema=t", "the parameter schema"},
		{map[string]any{"CLOAKROOM_CACHELIB_HASH": "md5"}, "cachelib:x?hash=sha256", "the parameter hash"},
		{map[string]any{"SESSION_TYPE": "memcached", "SESSION_KEY_PREFIX": "s:"}, "memcached://h?prefix=a%20b", "SESSION_KEY_PREFIX"},
	} {
		c, err := unchecked(t, tt.settings).WithStore(tt.url)
		if err == nil {
			_, err = c.StoreURL()
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s, %v: %v, want %q", tt.url, tt.settings, err, tt.says)
		}
	}
}
