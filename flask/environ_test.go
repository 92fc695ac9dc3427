package flask_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/flask"
)

func TestFromEnv(t *testing.T) {
	for name, value := range map[string]string{
		"SHOP_CLOAKROOM_MAX_VALUES":       "12",
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
	want.CloakroomMaxValues = 12
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v\nwant %+v", c, want)
	}
	t.Setenv("SHOP_SESSION_PERMANENT", "False")
	if _, err := flask.FromEnv("SHOP"); err == nil || !strings.Contains(err.Error(), "SESSION_PERMANENT is no bool") {
		t.Errorf("Python's False: %v", err)
	}
	t.Setenv("SHOP_SESSION_PERMANENT", "false")
	t.Setenv("FLASK_SESSION_TYPE", "cachelib")
	if c, err := flask.FromEnv(""); err != nil || c.SessionType != "cachelib" {
		t.Errorf("without a prefix: %q, %v", c.SessionType, err)
	}
}

// Names of other extensions and of the application are none of ours, and a misspelled
// one of ours is noticed.
func TestFromEnvUnknown(t *testing.T) {
	for _, name := range []string{
		"APP", "DEBUG", "RUN_PORT", "SECRET_KEY_2", "SECRET_TOKEN", "SECRETS", "PERMANENT", "SESSION", "SESSION_PROTECTION", "SESSION_COOKIES", "SESSION_ID",
		"SESSION_REDIS_URL", "SESSION_REDIS_HOST", "SESSION_KEY_BITS", "SESSION_TIMEOUT", "SESSION_MONGODB_TZ_AWARE", "SESSION_DYNAMODB_REGION",
		"SESSION_SQLALCHEMY_ENGINE", "REMEMBER_COOKIE_DURATION", "REMEMBER_COOKIE_REFRESH_EACH_REQUEST", "SQLALCHEMY_DATABASE_URL", "SQLALCHEMY_BINDS",
		"USE_SESSION_FOR_NEXT", "LOGIN_DISABLED", "JWT_COOKIE_DOMAIN", "WTF_CSRF_SECRET_KEY", "SECURITY_PASSWORD_SALT", strings.Repeat("SESSION_", 5000),
	} {
		t.Run(name[:min(len(name), 40)], func(t *testing.T) {
			t.Setenv("EXT_SESSION_TYPE", "redis")
			t.Setenv("EXT_"+name, "strong")
			if _, err := flask.FromEnv("EXT"); err != nil {
				t.Error(err)
			}
		})
	}
	for name, want := range map[string]string{
		"SESSION_TYPES": "is it SESSION_TYPE?", "SESION_TYPE": "is it SESSION_TYPE?", "SESSION_KEY_PREFX": "is it SESSION_KEY_PREFIX?",
		"SESSION_COOKIES_SECURE": "is it SESSION_COOKIE_SECURE?", "PERMANENT_SESSION_LIFETIMES": "is it PERMANENT_SESSION_LIFETIME?",
		"REMEMBER_COOKIES_NAME": "is it REMEMBER_COOKIE_NAME?", "CLOAKROOM_MAX_BYTE": "is it CLOAKROOM_MAX_BYTES?", "CLOAKROOM_NEW": "unknown setting CLOAKROOM_NEW",
		"SESSION_DYNAMODB_TABLE_NAME": "it is SESSION_DYNAMODB_TABLE", "SESSION_COOKIE_MAX_AGE": "it is PERMANENT_SESSION_LIFETIME",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OURS_SESSION_TYPE", "redis")
			t.Setenv("OURS_"+name, "hush")
			if _, err := flask.FromEnv("OURS"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// JSON with text behind it is a string, as for Python.
func TestFromEnvWhole(t *testing.T) {
	for _, text := range []string{`"hush"]`, `"hush"}`, `"hush" 1`, `"hush"` + "\u00a0"} {
		t.Setenv("WHOLE_SESSION_TYPE", "redis")
		t.Setenv("WHOLE_SECRET_KEY", text)
		if c, err := flask.FromEnv("WHOLE"); err != nil || string(c.SecretKey) != text {
			t.Errorf("%s: another key, %v", text, err)
		}
	}
	t.Setenv("WHOLE_SECRET_KEY", " \"hush\" \n")
	if c, err := flask.FromEnv("WHOLE"); err != nil || string(c.SecretKey) != "hush" {
		t.Errorf("space is no more than JSON: %v", err)
	}
	t.Setenv("WHOLE_SESSION_PERMANENT", "true]")
	if _, err := flask.FromEnv("WHOLE"); err == nil {
		t.Error("that is no bool")
	}
}
