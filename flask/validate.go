package flask

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom"
)

// types are the values of SessionType.
var types = []string{"redis", "memcached", "filesystem", "cachelib", "mongodb", "sqlalchemy", "dynamodb", "postgresql"}

// The bounds of SessionIDLength, in bytes, and of a store's key, which is memcached's.
const (
	minIDLength = 16
	maxIDLength = 128
	maxKey      = 250
)

// Validate returns the first thing that is wrong with a configuration, by the setting's
// Flask name.
func (c Config) Validate() error {
	for _, check := range []func() error{c.checkStore, c.checkLimits, c.checkID, c.checkSigner, c.checkCookie, c.checkRemember} {
		if err := check(); err != nil {
			return fmt.Errorf("flask: %w", err)
		}
	}
	return nil
}

// Format returns the format in which values are encoded with
// SessionSerializationFormat. For pickle it is MessagePack, out of which the pickle is
// made.
func (c Config) Format() (cloakroom.Format, error) {
	switch c.SessionSerializationFormat {
	case "msgpack", "pickle":
		return cloakroom.MessagePack, nil
	case "json":
		return cloakroom.JSON, nil
	}
	return 0, fmt.Errorf("flask: SESSION_SERIALIZATION_FORMAT is %q, want msgpack, json or pickle", c.SessionSerializationFormat)
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

// checkLimits checks the settings that only Go knows.
func (c Config) checkLimits() error {
	switch {
	case !slices.Contains([]string{"detect", "sha256", "md5"}, c.CloakroomCachelibHash):
		return fmt.Errorf("CLOAKROOM_CACHELIB_HASH is %q, want detect, sha256 or md5", c.CloakroomCachelibHash)
	case c.CloakroomMaxBytes < 1024 || c.CloakroomMaxBytes > 1<<30:
		return fmt.Errorf("CLOAKROOM_MAX_BYTES is %d, want 1024 to %d", c.CloakroomMaxBytes, 1<<30)
	case c.CloakroomMaxValues < 1 || c.CloakroomMaxValues > 1<<16:
		return fmt.Errorf("CLOAKROOM_MAX_VALUES is %d, want 1 to %d", c.CloakroomMaxValues, 1<<16)
	}
	return nil
}

func (c Config) checkID() error {
	if c.SessionIDLength < minIDLength || c.SessionIDLength > maxIDLength {
		return fmt.Errorf("SESSION_ID_LENGTH is %d bytes, want %d to %d", c.SessionIDLength, minIDLength, maxIDLength)
	}
	switch prefix := c.SessionKeyPrefix; {
	case !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl):
		return fmt.Errorf("SESSION_KEY_PREFIX is %q, want UTF-8 without control characters", prefix)
	case c.isType("memcached") && strings.ContainsFunc(prefix, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("SESSION_KEY_PREFIX is %q, and keys of memcached are ASCII without spaces", prefix)
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
	mode, err := sameSite("SESSION_COOKIE_SAMESITE", c.SessionCookieSameSite)
	if err != nil {
		return err
	}
	if mode == http.SameSiteNoneMode && !c.SessionCookieSecure {
		return errors.New("SESSION_COOKIE_SAMESITE None needs SESSION_COOKIE_SECURE: browsers drop the cookie")
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

// isType reports whether SessionType is this one.
func (c Config) isType(t string) bool { return strings.EqualFold(c.SessionType, t) }

// sameSite returns the mode that a setting names; an empty one is to send none.
func sameSite(setting, value string) (http.SameSite, error) {
	switch strings.ToLower(value) {
	case "":
		return 0, nil
	case "lax":
		return http.SameSiteLaxMode, nil
	case "strict":
		return http.SameSiteStrictMode, nil
	case "none":
		return http.SameSiteNoneMode, nil
	}
	return 0, fmt.Errorf("%s is %q, want Lax, Strict or None", setting, value)
}

// cookiePath returns the cookie's path.
func (c Config) cookiePath() string {
	if c.SessionCookiePath != "" {
		return c.SessionCookiePath
	}
	return c.ApplicationRoot
}
