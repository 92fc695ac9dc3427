package flask_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
)

// Any text that Python's client takes is a prefix; memcached's protocol takes less.
func TestKeyPrefix(t *testing.T) {
	for _, prefix := range []string{"a b:", " ", "sesión:", "ключ:", "🧥", "*?[x]\\:", "\"'`%_$"} {
		for _, typ := range []string{"redis", "filesystem", "cachelib", "mongodb", "sqlalchemy", "postgresql", "dynamodb", "memcached"} {
			_, err := flask.FromMap(map[string]any{"SESSION_TYPE": typ, "SESSION_KEY_PREFIX": prefix})
			plain := strings.IndexFunc(prefix, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
			if refused := err != nil; refused != (typ == "memcached" && !plain) || refused && !strings.Contains(err.Error(), "memcached") {
				t.Errorf("%s, %q: %v", typ, prefix, err)
			}
		}
	}
}

func TestFormat(t *testing.T) {
	for format, want := range map[string]cloakroom.Format{"msgpack": cloakroom.MessagePack, "json": cloakroom.JSON, "pickle": cloakroom.MessagePack} {
		c, err := flask.FromMap(map[string]any{"SESSION_TYPE": "redis", "SESSION_SERIALIZATION_FORMAT": format})
		if got, formatErr := c.Format(); got != want || err != nil || formatErr != nil {
			t.Errorf("%s: %v, %v, %v", format, got, err, formatErr)
		}
	}
}
