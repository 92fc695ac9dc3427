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
				"CLOAKROOM_CACHELIB_HASH": "md5", "REMEMBER_COOKIE_DOMAIN": "example.com", "REMEMBER_COOKIE_NAME": "me",
				"REMEMBER_COOKIE_SAMESITE": "lax", "SESSION_COOKIE_SAMESITE": "Strict", "SESSION_SERIALIZATION_FORMAT": "json",
				"SESSION_TYPE": "redis",
			}[name]
			if value == "" {
				value = "/other"
			}
		case reflect.TypeFor[bool]():
			value = !reflect.ValueOf(flask.Default()).Field(i).Bool()
		case reflect.TypeFor[int](), reflect.TypeFor[fs.FileMode]():
			if value = 48; name == "CLOAKROOM_MAX_BYTES" {
				value = 4800
			}
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

// integration/flask compares the defaults with those of Flask.
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
		{"CLOAKROOM_CACHELIB_HASH", "sha1", "CLOAKROOM_CACHELIB_HASH is \"sha1\""},
		{"CLOAKROOM_MAX_BYTES", 1023, "CLOAKROOM_MAX_BYTES is 1023"},
		{"CLOAKROOM_MAX_BYTES", 1<<30 + 1, "CLOAKROOM_MAX_BYTES is"},
		{"CLOAKROOM_MAX_VALUES", 0, "CLOAKROOM_MAX_VALUES is 0"},
		{"CLOAKROOM_MAX_VALUES", 65537, "CLOAKROOM_MAX_VALUES is 65537"},
		{"REMEMBER_COOKIE_DOMAIN", "a b", "REMEMBER_COOKIE_DOMAIN \"a b\""},
		{"REMEMBER_COOKIE_NAME", "a b", "REMEMBER_COOKIE_NAME \"a b\""},
		{"REMEMBER_COOKIE_NAME", "session", "so is SESSION_COOKIE_NAME"},
		{"REMEMBER_COOKIE_PATH", "/;", "REMEMBER_COOKIE_PATH \"/;\""},
		{"REMEMBER_COOKIE_SAMESITE", "lux", "REMEMBER_COOKIE_SAMESITE is \"lux\""},
		{"REMEMBER_COOKIE_SECURE", "false", "REMEMBER_COOKIE_SECURE is no bool"},
		{"SESSION_COOKIE_DOMAIN", true, "SESSION_COOKIE_DOMAIN is no string"},
		{"SESSION_KEY_PREFIX", "a\nb", "SESSION_KEY_PREFIX is \"a\\nb\""},
		{"SESSION_KEY_PREFIX", "a\x00", "SESSION_KEY_PREFIX"},
		{"SESSION_KEY_PREFIX", "\xff", "SESSION_KEY_PREFIX"},
		{"SESSION_KEY_PREFIX", strings.Repeat("x", 230), "SESSION_KEY_PREFIX"},
		{"SESSION_KEY_PREFIX", 5, "SESSION_KEY_PREFIX is no string"},
		{"SESSION_SERIALIZATION_FORMAT", "orjson", "want msgpack, json or pickle"},
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

// False means none where Flask takes it so.
func TestFalseIsNone(t *testing.T) {
	for _, name := range []string{"REMEMBER_COOKIE_DOMAIN", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH"} {
		for _, value := range []any{false, "False", "false", "None", nil} {
			c, err := flask.FromMap(map[string]any{"SESSION_TYPE": "redis", name: value})
			if err != nil || c.RememberCookieDomain != "" || c.SessionCookieDomain != "" || c.SessionCookiePath != "" {
				t.Errorf("%s = %v: %+v, %v", name, value, c, err)
			}
		}
		for _, text := range []string{"false", "False", "None", "null"} {
			t.Setenv("NONE_SESSION_TYPE", "redis")
			t.Setenv("NONE_"+name, text)
			c, err := flask.FromEnv("NONE")
			if err != nil || c.RememberCookieDomain != "" || c.SessionCookieDomain != "" || c.SessionCookiePath != "" {
				t.Errorf("%s=%s: %+v, %v", name, text, c, err)
			}
		}
	}
}
