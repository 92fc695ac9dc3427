package flask_test

import (
	"encoding/json"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/flask"
)

// Every field has a Flask name, in that name's own form, and can be set by it.
func TestEveryField(t *testing.T) {
	typ := reflect.TypeFor[flask.Config]()
	for i := range typ.NumField() {
		field := typ.Field(i)
		name := field.Tag.Get("flask")
		if !strings.EqualFold(strings.ReplaceAll(name, "_", ""), field.Name) {
			t.Errorf("field %s is named %s", field.Name, name)
		}
		var value any
		switch field.Type {
		case reflect.TypeFor[string]():
			value = map[string]string{
				"SESSION_TYPE": "redis", "SESSION_SERIALIZATION_FORMAT": "json", "SESSION_COOKIE_SAMESITE": "Strict",
			}[name]
			if value == "" {
				value = "/other"
			}
		case reflect.TypeFor[bool]():
			value = !reflect.ValueOf(flask.Default()).Field(i).Bool()
		case reflect.TypeFor[int](), reflect.TypeFor[fs.FileMode]():
			value = 48
		case reflect.TypeFor[time.Duration]():
			value = 60
		case reflect.TypeFor[flask.Secret]():
			value = "key"
		default:
			value = []any{"key", []byte("other")}
		}
		settings := map[string]any{"SESSION_TYPE": "cachelib", "SECRET_KEY": "k", "SESSION_COOKIE_SECURE": true}
		settings[name] = value
		c, err := flask.FromMap(settings)
		if err != nil {
			t.Errorf("%s = %v: %v", name, value, err)
			continue
		}
		if reflect.DeepEqual(reflect.ValueOf(c).Field(i).Interface(), reflect.ValueOf(flask.Default()).Field(i).Interface()) && name != "SESSION_COOKIE_SECURE" {
			t.Errorf("%s = %v left the default", name, value)
		}
	}
}

// What Flask's defaults are is checked against Flask itself in integration/flask.
func TestFromMap(t *testing.T) {
	c, err := flask.FromMap(map[string]any{
		"PERMANENT_SESSION_LIFETIME":    90,
		"SECRET_KEY":                    []byte("k"),
		"SECRET_KEY_FALLBACKS":          []string{"a", "b"},
		"SESSION_CLEANUP_N_REQUESTS":    json.Number("100"),
		"SESSION_COOKIE_NAME":           "__Host-session",
		"SESSION_COOKIE_SAMESITE":       "lax",
		"SESSION_COOKIE_SECURE":         true,
		"SESSION_FILE_MODE":             float64(416),
		"SESSION_SQLALCHEMY_SEQUENCE":   nil,
		"SESSION_TYPE":                  "Redis",
		"SESSION_USE_SIGNER":            true,
		"SESSION_REFRESH_EACH_REQUEST":  false,
		"SESSION_DYNAMODB_TABLE_EXISTS": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := flask.Default()
	want.PermanentSessionLifetime = 90 * time.Second
	want.SecretKey = flask.Secret("k")
	want.SecretKeyFallbacks = []flask.Secret{flask.Secret("a"), flask.Secret("b")}
	want.SessionCleanupNRequests = 100
	want.SessionCookieName = "__Host-session"
	want.SessionCookieSameSite = "lax"
	want.SessionCookieSecure = true
	want.SessionFileMode = 0o640
	want.SessionType = "Redis"
	want.SessionUseSigner = true
	want.SessionRefreshEachRequest = false
	want.SessionDynamoDBTableExists = true
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v\nwant %+v", c, want)
	}
}

func TestFromMapRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"SESSION_TYPE", nil, "SESSION_TYPE is not set"},
		{"SESSION_TYPE", "null", "SESSION_TYPE is not set"},
		{"SESSION_TYPE", "mysql", `SESSION_TYPE is "mysql"`},
		{"SESSION_TYPES", "redis", "unknown setting SESSION_TYPES"},
		{"SESSION_DYNAMODB_TABLE_NAME", "x", "it is SESSION_DYNAMODB_TABLE"},
		{"DEBUG", true, "unknown setting DEBUG"},
		{"SESSION_PERMANENT", "false", "SESSION_PERMANENT is no bool"},
		{"SESSION_ID_LENGTH", 8, "SESSION_ID_LENGTH is 8"},
		{"SESSION_ID_LENGTH", 1000, "SESSION_ID_LENGTH is 1000"},
		{"SESSION_ID_LENGTH", "32", "SESSION_ID_LENGTH is no integer"},
		{"SESSION_ID_LENGTH", 1.5, "SESSION_ID_LENGTH is no integer"},
		{"SESSION_ID_LENGTH", 1 << 40, "SESSION_ID_LENGTH is no integer"},
		{"SESSION_KEY_PREFIX", "a b", "SESSION_KEY_PREFIX"},
		{"SESSION_KEY_PREFIX", strings.Repeat("x", 230), "SESSION_KEY_PREFIX"},
		{"SESSION_KEY_PREFIX", 5, "SESSION_KEY_PREFIX is no string"},
		{"SESSION_SERIALIZATION_FORMAT", "pickle", "SESSION_SERIALIZATION_FORMAT"},
		{"SESSION_CLEANUP_N_REQUESTS", -1, "SESSION_CLEANUP_N_REQUESTS"},
		{"SESSION_FILE_THRESHOLD", -1, "SESSION_FILE_THRESHOLD"},
		{"SESSION_FILE_MODE", 0o4600, "SESSION_FILE_MODE"},
		{"SESSION_FILE_MODE", -1, "SESSION_FILE_MODE"},
		{"PERMANENT_SESSION_LIFETIME", 0, "PERMANENT_SESSION_LIFETIME"},
		{"PERMANENT_SESSION_LIFETIME", time.Millisecond, "PERMANENT_SESSION_LIFETIME"},
		{"PERMANENT_SESSION_LIFETIME", 1500 * time.Millisecond, "PERMANENT_SESSION_LIFETIME"},
		{"SESSION_USE_SIGNER", true, "needs a SECRET_KEY"},
		{"SECRET_KEY", 5, "SECRET_KEY is neither"},
		{"SECRET_KEY_FALLBACKS", []string{"hush"}, "without a SECRET_KEY"},
		{"SECRET_KEY_FALLBACKS", "hush", "SECRET_KEY_FALLBACKS is no list"},
		{"SECRET_KEY_FALLBACKS", []any{5}, "SECRET_KEY_FALLBACKS has an element"},
		{"SESSION_COOKIE_NAME", "", "SESSION_COOKIE_NAME is empty"},
		{"SESSION_COOKIE_NAME", "__Host-x", "needs SESSION_COOKIE_SECURE"},
		{"SESSION_COOKIE_NAME", "__secure-x", "needs SESSION_COOKIE_SECURE"},
		{"SESSION_COOKIE_SAMESITE", "None", "needs SESSION_COOKIE_SECURE"},
		{"SESSION_COOKIE_SAMESITE", "lux", "SESSION_COOKIE_SAMESITE"},
		{"SESSION_COOKIE_PARTITIONED", true, "needs SESSION_COOKIE_SECURE"},
	} {
		settings := map[string]any{"SESSION_TYPE": "redis"}
		settings[c.name] = c.value
		_, err := flask.FromMap(settings)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s = %v: error %v, want %q", c.name, c.value, err, c.want)
		}
	}
	if err := (flask.Config{SessionType: "redis"}).Validate(); err == nil || !strings.Contains(err.Error(), "flask.Default()") {
		t.Errorf("a Config of zero values: %v", err)
	}
}

func TestFromEnv(t *testing.T) {
	for name, value := range map[string]string{
		"SHOP_APPLICATION_ROOT":           "/shop",
		"SHOP_DEBUG":                      "1",
		"SHOP_PERMANENT_SESSION_LIFETIME": "3600",
		"SHOP_SECRET_KEY":                 "12345",
		"SHOP_SECRET_KEY_FALLBACKS":       `["a","b"]`,
		"SHOP_SESSION_COOKIE_SAMESITE":    "Lax",
		"SHOP_SESSION_COOKIE_SECURE":      "true",
		"SHOP_SESSION_FILE_MODE":          "384",
		"SHOP_SESSION_KEY_PREFIX":         `"s:"`,
		"SHOP_SESSION_REDIS":              "redis://db:6379/1",
		"SHOP_SESSION_SQLALCHEMY_SCHEMA":  "null",
		"SHOP_SESSION_TYPE":               "redis",
		"SESSION_TYPE":                    "memcached",
	} {
		t.Setenv(name, value)
	}
	c, err := flask.FromEnv("SHOP")
	if err != nil {
		t.Fatal(err)
	}
	want := flask.Default()
	want.ApplicationRoot = "/shop"
	want.PermanentSessionLifetime = time.Hour
	want.SecretKey = flask.Secret("12345")
	want.SecretKeyFallbacks = []flask.Secret{flask.Secret("a"), flask.Secret("b")}
	want.SessionCookieSameSite = "Lax"
	want.SessionCookieSecure = true
	want.SessionKeyPrefix = "s:"
	want.SessionRedis = "redis://db:6379/1"
	want.SessionType = "redis"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v\nwant %+v", c, want)
	}
	t.Setenv("SHOP_SESSION_PERMANENT", "False")
	if _, err := flask.FromEnv("SHOP"); err == nil || !strings.Contains(err.Error(), "SESSION_PERMANENT is no bool") {
		t.Errorf("Python's False: %v", err)
	}
	t.Setenv("SHOP_SESSION_PERMANENT", "false")
	t.Setenv("SHOP_SESSION_COOKIES", "x")
	if _, err := flask.FromEnv("SHOP"); err == nil || !strings.Contains(err.Error(), "unknown setting SESSION_COOKIES") {
		t.Errorf("an unknown one: %v", err)
	}
	t.Setenv("FLASK_SESSION_TYPE", "cachelib")
	if c, err := flask.FromEnv(""); err != nil || c.SessionType != "cachelib" {
		t.Errorf("without a prefix: %q, %v", c.SessionType, err)
	}
}
