package flask_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/stores/cachelibstore"
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
		{map[string]any{"SESSION_TYPE": "filesystem"}, "cachelib:flask_session?mode=0600&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": "/a b/c?", "SESSION_FILE_MODE": 0o640, "SESSION_KEY_PREFIX": ""}, "cachelib:///a%20b/c%3F?mode=0640&prefix="},
		{map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": "a b/c"}, "cachelib:a%20b/c?mode=0600&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "cachelib:///x?hash=md5"}, "cachelib:///x?hash=md5&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "/x"}, "cachelib:///x?prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb"}, "mongodb://localhost:27017/flask_session?collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": "mongodb://u:p@h"}, "mongodb://u:p@h/flask_session?authSource=admin&collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": "mongodb://u:p@h/users", "SESSION_MONGODB_DB": "d"}, "mongodb://u:p@h/d?authSource=users&collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": "mongodb://u:p@h/?authSource=x"}, "mongodb://u:p@h/flask_session?authSource=x&collection=sessions&prefix=session%3A"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "sqlite:///a.db", "SESSION_CLEANUP_N_REQUESTS": 100}, "sqlite:///a.db?prefix=session%3A&sweep_every=100&table=sessions"},
		{map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "postgres://h/d", "SESSION_SQLALCHEMY_SCHEMA": "s"}, "postgres://h/d?prefix=session%3A&schema=s&table=sessions"},
		{map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL": "postgres://h/d"}, "postgres://h/d?layout=flask_postgres&prefix=session%3A&schema=public&table=flask_sessions"},
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
		{map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": "h:6379"}, "SESSION_REDIS"},
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
		if rawURL == "h:6379?prefix=session%3A" { // a scheme that nobody opens
			_, _, err = flask.Open(t.Context(), c)
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) && rawURL == "" || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v: %q, %v", tt.settings, rawURL, err)
		}
	}
	var c flask.Config
	if _, err := c.StoreURL(); err == nil || !strings.Contains(err.Error(), "SESSION_TYPE is not set") {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	c, err := flask.FromMap(map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := flask.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "SESSION_TYPE filesystem: ") {
		t.Error(err)
	}
	m, closer, err := flask.Open(t.Context(), c, cachelibstore.Opener())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	s := m.Open(t.Context(), "")
	defer s.Close()
	color.Set(s, "red")
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, strings.Repeat("?", 64))); len(files) != 1 || err != nil {
		t.Errorf("%q, %v", files, err)
	}
}
