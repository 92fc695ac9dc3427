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
var types = []string{
	"redis", "memcached", "filesystem", "cachelib",
	"mongodb", "sqlalchemy", "dynamodb", "postgresql",
}

// The bounds of SessionIDLength, in bytes. maxKey is how long a key of memcached may be.
const (
	minIDLength = 16
	maxIDLength = 128
	maxKey      = 250
)

// Validate returns an error for the first setting that is wrong, by its Flask name.
func (c Config) Validate() error {
	checks := []func() error{
		c.checkStore, c.checkLimits, c.checkID, c.checkSigner, c.checkCookie, c.checkRemember,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return fmt.Errorf("flask: %w", err)
		}
	}
	return nil
}

// Format returns the format of values under SessionSerializationFormat. For pickle it is
// MessagePack, which the profile turns into pickles.
func (c Config) Format() (cloakroom.Format, error) {
	format, err := c.format()
	if err != nil {
		return 0, fmt.Errorf("flask: %w", err)
	}
	return format, nil
}

func (c Config) format() (cloakroom.Format, error) {
	switch f := c.SessionSerializationFormat; f {
	case "msgpack", "pickle":
		return cloakroom.MessagePack, nil
	case "json":
		return cloakroom.JSON, nil
	default:
		return 0, fmt.Errorf("SESSION_SERIALIZATION_FORMAT is %q, want msgpack, json or pickle", f)
	}
}

func (c Config) checkStore() error {
	known := strings.Join(types, ", ")
	switch t := strings.ToLower(c.SessionType); {
	case t == "" || t == "null":
		return fmt.Errorf("SESSION_TYPE is not set: it is one of %s", known)
	case !slices.Contains(types, t):
		return fmt.Errorf("SESSION_TYPE is %q, want one of %s", c.SessionType, known)
	}
	lifetime := c.PermanentSessionLifetime
	switch {
	case lifetime < time.Second:
		return fmt.Errorf("PERMANENT_SESSION_LIFETIME is %v, want a second or more: "+
			"start from flask.Default()", lifetime)
	case lifetime%time.Second != 0:
		return fmt.Errorf("PERMANENT_SESSION_LIFETIME is %v, want whole seconds", lifetime)
	case c.SessionCleanupNRequests < 0:
		return fmt.Errorf("SESSION_CLEANUP_N_REQUESTS is %d, want a number of requests",
			c.SessionCleanupNRequests)
	case c.SessionFileThreshold < 0:
		return fmt.Errorf("SESSION_FILE_THRESHOLD is %d, want a number of files",
			c.SessionFileThreshold)
	case c.SessionFileMode&^fs.ModePerm != 0:
		return fmt.Errorf("SESSION_FILE_MODE is %#o, want permissions alone", c.SessionFileMode)
	}
	_, err := c.format()
	return err
}

// checkLimits checks the settings that only Cloakroom has.
func (c Config) checkLimits() error {
	hash := c.CloakroomCachelibHash
	switch {
	case !slices.Contains([]string{"detect", "sha256", "md5"}, hash):
		return fmt.Errorf("CLOAKROOM_CACHELIB_HASH is %q, want detect, sha256 or md5", hash)
	case c.CloakroomMaxBytes < 1024 || c.CloakroomMaxBytes > 1<<30:
		return fmt.Errorf("CLOAKROOM_MAX_BYTES is %d, want 1024 to %d", c.CloakroomMaxBytes, 1<<30)
	case c.CloakroomMaxValues < 1 || c.CloakroomMaxValues > 1<<16:
		return fmt.Errorf("CLOAKROOM_MAX_VALUES is %d, want 1 to %d", c.CloakroomMaxValues, 1<<16)
	}
	return nil
}

func (c Config) checkID() error {
	if n := c.SessionIDLength; n < minIDLength || n > maxIDLength {
		return fmt.Errorf("SESSION_ID_LENGTH is %d bytes, want %d to %d",
			n, minIDLength, maxIDLength)
	}
	switch prefix := c.SessionKeyPrefix; {
	case !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl):
		return fmt.Errorf("SESSION_KEY_PREFIX is %q, want UTF-8 without control characters", prefix)
	case c.isType("memcached") && strings.ContainsFunc(prefix, notInMemcached):
		return fmt.Errorf("SESSION_KEY_PREFIX is %q, want ASCII without spaces for memcached", prefix)
	}
	if n := len(c.SessionKeyPrefix) + encoding.EncodedLen(c.SessionIDLength); n > maxKey {
		return fmt.Errorf("SESSION_KEY_PREFIX and an id of SESSION_ID_LENGTH "+
			"make keys of %d bytes, want at most %d", n, maxKey)
	}
	return nil
}

func notInMemcached(r rune) bool { return r <= ' ' || r > '~' }

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
		return needsSecure("SESSION_COOKIE_SAMESITE None", "")
	}
	if c.SessionCookiePartitioned && !c.SessionCookieSecure {
		return needsSecure("SESSION_COOKIE_PARTITIONED", "")
	}
	setting := fmt.Sprintf("SESSION_COOKIE_NAME %q", c.SessionCookieName)
	name := strings.ToLower(c.SessionCookieName) // prefixes count in any case: RFC 6265bis, 4.1.3
	ofHost := c.SessionCookieSecure && c.SessionCookieDomain == "" && c.cookiePath() == "/"
	switch {
	case strings.HasPrefix(name, "__secure-") && !c.SessionCookieSecure:
		return needsSecure(setting, "")
	case strings.HasPrefix(name, "__host-") && !ofHost:
		return needsSecure(setting, ", no SESSION_COOKIE_DOMAIN and the path /")
	}
	return nil
}

func needsSecure(setting, more string) error {
	return fmt.Errorf("%s needs SESSION_COOKIE_SECURE%s: browsers drop the cookie", setting, more)
}

// isType reports whether SessionType is this one.
func (c Config) isType(t string) bool { return strings.EqualFold(c.SessionType, t) }

// sameSite returns the mode that a setting names: none if it is empty.
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
