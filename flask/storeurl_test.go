package flask_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
)

func TestStoreURL(t *testing.T) {
	for _, tt := range []struct {
		settings map[string]any
		want     string
	}{
		{map[string]any{"SESSION_TYPE": "redis"}, "redis://localhost:6379/0?prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "Redis", "SESSION_REDIS": "rediss://u:p@h/3?near_cache=1s", "SESSION_KEY_PREFIX": "x:"}, "rediss://u:p@h/3?near_cache=1s&prefix=x%3A"},
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": "redis://h?prefix=session:"}, "redis://h?prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "memcached"}, "memcached://127.0.0.1:11211?prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "filesystem"}, "cachelib:flask_session?mode=0600&pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": "/a b/c?", "SESSION_FILE_MODE": 0o640, "SESSION_KEY_PREFIX": ""}, "cachelib:///a%20b/c%3F?mode=0640&pickles=on&prefix="},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": "a b/c"}, "cachelib:a%20b/c?mode=0600&pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "cachelib:///x?hash=md5"}, "cachelib:///x?hash=md5&pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "/x"}, "cachelib:///x?pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb"}, "mongodb://localhost:27017/flask_session?collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": "mongodb://u:p@h"}, "mongodb://u:p@h/flask_session?authSource=admin&collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": "mongodb://u:p@h/users", "SESSION_MONGODB_DB": "d"}, "mongodb://u:p@h/d?authSource=users&collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": "mongodb://u:p@h/?authSource=x"}, "mongodb://u:p@h/flask_session?authSource=x&collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "sqlite:////a.db", "SESSION_CLEANUP_N_REQUESTS": 100}, "sqlite:///a.db?prefix=session%3A&sweep_every=100&table=sessions"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "postgres://h/d", "SESSION_SQLALCHEMY_SCHEMA": "s"}, "postgres://h/d?prefix=session%3A&schema=s&table=sessions"},
		{map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL": "postgres://h/d"}, "postgres://h/d?layout=flask_postgres&prefix=session%3A&schema=public&table=flask_sessions"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "file:///x"}, "cachelib:///x?pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "cachelib", "CLOAKROOM_CACHELIB_HASH": "md5"}, "cachelib:flask_session?hash=md5&pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "./redis:x"}, "cachelib:./redis:x?pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "filesystem", "CLOAKROOM_CACHELIB_HASH": "sha256"}, "cachelib:flask_session?hash=sha256&mode=0600&pickles=on&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_KEY_PREFIX": "ключ a:"}, "redis://localhost:6379/0?prefix=%D0%BA%D0%BB%D1%8E%D1%87+a%3A"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg2://u:p@h/d"}, "postgres://u:p@h/d?prefix=session%3A&table=sessions"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": "mysql://h/d", "SESSION_SQLALCHEMY": "mysql+pymysql://h/e", "SESSION_SQLALCHEMY_BIND_KEY": "e"},
			"mysql://h/e?prefix=session%3A&table=sessions"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "postgres://h/d?schema=s&sweep_every=9"}, "postgres://h/d?prefix=session%3A&schema=s&sweep_every=9&table=sessions"},
		{map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL": "postgresql://h/d"}, "postgres://h/d?layout=flask_postgres&prefix=session%3A&schema=public&table=flask_sessions"},
		{map[string]any{"SESSION_TYPE": "dynamodb"}, "dynamodb://Sessions?create=true&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "dynamodb", "SESSION_DYNAMODB": "dynamodb://T?region=r", "SESSION_DYNAMODB_TABLE": "T", "SESSION_DYNAMODB_TABLE_EXISTS": true}, "dynamodb://T?create=false&prefix=session%3A&region=r"},
	} {
		c, err := flask.FromMap(tt.settings)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.StoreURL(); got != tt.want || err != nil {
			t.Errorf("%v:\n%s, %v, want\n%s", tt.settings, got, err, tt.want)
		}
	}
}

func TestStoreURLRefuses(t *testing.T) {
	for _, tt := range []struct {
		settings map[string]any
		says     string
	}{
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_KEY_PREFIX": ""}, "SESSION_KEY_PREFIX is empty"},
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": "redis://h?prefix=x"}, "SESSION_REDIS has the parameter prefix"},
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": "h:6379"}, "SESSION_REDIS is a URL of h:, and SESSION_TYPE is redis"},
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": "memcached://h"}, "SESSION_REDIS is a URL of memcached:"},
		{map[string]any{"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": "redis://h"}, "SESSION_MEMCACHED is a URL of redis:"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": "redis://h"}, "SESSION_MONGODB is a URL of redis:"},
		{map[string]any{"SESSION_TYPE": "dynamodb", "SESSION_DYNAMODB": "redis://h"}, "SESSION_DYNAMODB is a URL of redis:"},
		{map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL": "mysql://h/d"}, "SESSION_POSTGRESQL is a URL of mysql:"},
		{map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL": "postgres://h/d?schema=s"}, "SESSION_POSTGRESQL has the parameter schema"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "redis://:hush@h"}, "SESSION_CACHELIB is a URL of redis:"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "memcached:h"}, "SESSION_CACHELIB is a URL of memcached:"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": ""}, "SESSION_CACHELIB is not set"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "cachelib:x?hash=md5", "CLOAKROOM_CACHELIB_HASH": "sha256"}, "SESSION_CACHELIB has the parameter hash"},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": "s3://hush"}, "SESSION_FILE_DIR is a URL of s3:"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": "sqlite:///hush.db"}, "SQLALCHEMY_DATABASE_URI names a file in Flask's instance folder"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": "mysql://h/d", "SESSION_SQLALCHEMY_BIND_KEY": "e"}, "SESSION_SQLALCHEMY_BIND_KEY"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "oracle+oracledb://u:hush@h/d"}, "SESSION_SQLALCHEMY is a URL of oracle+oracledb:"},
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": "redis://u:hush@h:x"}, "SESSION_REDIS is no URL"},
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": "redis://u:hush@h?%zz"}, "SESSION_REDIS has a malformed query"},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": ""}, "SESSION_FILE_DIR is not set"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy"}, "SESSION_SQLALCHEMY is not set"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "sqlite:a", "SESSION_SQLALCHEMY_SEQUENCE": "s"}, "SESSION_SQLALCHEMY_SEQUENCE is not supported"},
		{map[string]any{"SESSION_TYPE": "postgresql"}, "SESSION_POSTGRESQL is not set"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": ""}, "SESSION_MONGODB is not set"},
		{map[string]any{"SESSION_TYPE": "dynamodb", "SESSION_DYNAMODB": "dynamodb://T"}, "SESSION_DYNAMODB_TABLE is Sessions"},
	} {
		c, err := flask.FromMap(tt.settings)
		if err != nil {
			t.Fatal(err)
		}
		rawURL, err := c.StoreURL()
		if err == nil || rawURL != "" || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v: %q, %v", tt.settings, rawURL, err)
		}
	}
	var c flask.Config
	if _, err := c.StoreURL(); err == nil || !strings.Contains(err.Error(), "SESSION_TYPE is not set") {
		t.Error(err)
	}
}
