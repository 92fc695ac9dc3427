package flask_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
)

func newSigner(t testing.TB, keys ...flask.Secret) *flask.Signer {
	t.Helper()
	s, err := flask.NewSigner(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignsLikeFlask(t *testing.T) {
	for _, line := range lines(t, "signatures.txt") {
		key, id, signed := unhex(t, line[0]), line[1], line[2]
		s := newSigner(t, key)
		if got := s.Sign(id); got != signed {
			t.Errorf("id %q is signed as %q, want %q", id, got, signed)
		}
		if got, ok := s.Unsign(signed); !ok || got != id {
			t.Errorf("%q is id %q, %v, want %q", signed, got, ok, id)
		}
		if got, ok := newSigner(t, flask.Secret("other")).Unsign(signed); ok {
			t.Errorf("another key accepts %q as %q", signed, got)
		}
	}
}

// Every change of a signed value is noticed, and a signature has one spelling.
func TestUnsignRefuses(t *testing.T) {
	s := newSigner(t, flask.Secret("secret"))
	signed := s.Sign("zwGU0AXWWkFh2xmpE5hs4Kj7yyCd1ykzUO2mWn0Gfd8")
	for i := range len(signed) {
		for _, c := range []byte{'A', '.', '=', '\n', 0, signed[i] ^ 1} {
			changed := signed[:i] + string(c) + signed[i+1:]
			if id, ok := s.Unsign(changed); ok && changed != signed {
				t.Errorf("%q is accepted as %q", changed, id)
			}
		}
	}
	for _, other := range []string{"", ".", "a", signed[:43], signed + "=", signed + "A", signed + "\n", " " + signed, strings.ReplaceAll(signed, ".", "")} {
		if id, ok := s.Unsign(other); ok {
			t.Errorf("%q is accepted as %q", other, id)
		}
	}
}

func TestFallbacks(t *testing.T) {
	old, older, current := flask.Secret("old"), flask.Secret("older"), flask.Secret("current")
	s := newSigner(t, current, old, older)
	for _, key := range []flask.Secret{current, old, older} {
		if id, ok := s.Unsign(newSigner(t, key).Sign("id")); !ok || id != "id" {
			t.Errorf("what %q signed is %q, %v", string(key), id, ok)
		}
	}
	if s.Sign("id") != newSigner(t, current).Sign("id") {
		t.Error("a fallback signs")
	}
	for _, keys := range [][]flask.Secret{{nil}, {current, nil}} {
		if _, err := flask.NewSigner(keys[0], keys[1:]...); err == nil {
			t.Errorf("%d keys, one of them empty, were taken", len(keys))
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	c := flask.Default()
	c.SecretKey = flask.Secret("hush")
	c.SecretKeyFallbacks = []flask.Secret{flask.Secret("hush")}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("config", "key", c.SecretKey)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("config", "config", c)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		log.WriteString(fmt.Sprintf(verb, c.SecretKey) + fmt.Sprintf(verb, c))
	}
	for _, secret := range []string{"hush", "68757368", "104 117", "aHVzaA"} {
		if strings.Contains(log.String()+string(asJSON), secret) {
			t.Errorf("%q was printed", secret)
		}
	}
}

func FuzzUnsign(f *testing.F) {
	for _, line := range lines(f, "signatures.txt") {
		f.Add(line[2])
	}
	s := newSigner(f, flask.Secret("secret"))
	f.Fuzz(func(t *testing.T, value string) {
		if id, ok := s.Unsign(value); ok && s.Sign(id) != value {
			t.Errorf("%q is accepted, and %q is signed as %q", value, id, s.Sign(id))
		}
	})
}
