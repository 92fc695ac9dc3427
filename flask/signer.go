package flask

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secret is a secret key. It prints as "[secret]", whatever the verb.
type Secret []byte

func (Secret) String() string { return "[secret]" }

// Format implements [fmt.Formatter].
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText implements [encoding.TextMarshaler].
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Signer signs session ids as Flask-Session does with SESSION_USE_SIGNER: the id, a dot,
// and an HMAC-SHA1 of it in URL-safe base64. It is safe for concurrent use.
//
// The signature adds nothing to an id of 256 random bits, and Flask-Session has
// deprecated it. It is here to share cookies with applications that use it.
type Signer struct {
	keys [][]byte // derived; the first one signs
}

// salt derives the signing key from SECRET_KEY, as in Flask-Session.
const salt = "flask-session"

// NewSigner returns a signer that signs with key and accepts signatures of key and
// fallbacks, which are SECRET_KEY and SECRET_KEY_FALLBACKS. An empty key is an error.
// Flask-Session itself ignores fallbacks: after a change of the key it refuses all
// cookies signed before.
func NewSigner(key Secret, fallbacks ...Secret) (*Signer, error) {
	s := &Signer{}
	for _, k := range append([]Secret{key}, fallbacks...) {
		if len(k) == 0 {
			return nil, errors.New("flask: a secret key is empty")
		}
		s.keys = append(s.keys, mac(k, salt))
	}
	return s, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha1.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

var encoding = base64.RawURLEncoding.Strict()

// Sign returns the cookie's value for an id.
func (s *Signer) Sign(id string) string {
	return id + "." + encoding.EncodeToString(mac(s.keys[0], id))
}

// Unsign returns the id in a cookie's value, and whether one of the keys signed it. It
// compares in constant time, and accepts one spelling of a signature: Python also accepts
// others that decode to the same bytes, but never writes them.
func (s *Signer) Unsign(value string) (id string, ok bool) {
	at := strings.LastIndexByte(value, '.')
	if at < 0 || len(value)-at-1 != encoding.EncodedLen(sha1.Size) {
		return "", false
	}
	signature, err := encoding.DecodeString(value[at+1:])
	if err != nil || strings.ContainsAny(value[at+1:], "\r\n") { // which the decoder would skip
		return "", false
	}
	for _, key := range s.keys {
		if hmac.Equal(signature, mac(key, value[:at])) {
			return value[:at], true
		}
	}
	return "", false
}
