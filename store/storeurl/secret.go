package storeurl

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Hide returns err with the secrets of a store URL left out of its text, in every spelling: the
// password of the user part, even if the URL is malformed, and the values of parameters whose
// names say that they are secret, such as password or token. If the text still repeats a part of
// one, all of it is left out. What err wraps is kept for [errors.Is]. [Open] calls it.
func Hide(err error, rawURL string) error {
	if err == nil {
		return nil
	}
	if len(rawURL) > maxURL {
		return redacted{error: err, all: true}
	}
	secrets := secretsIn(rawURL, 0)
	if len(secrets) == 0 {
		return err
	}
	return redacted{error: err, secrets: secrets}
}

// redacted is an error whose text leaves secrets out.
type redacted struct {
	error
	secrets []string
	all     bool // leave everything out
}

func (r redacted) Unwrap() error { return r.error }

func (r redacted) Error() string {
	const nothingLeft = "an error whose text repeats a part of the URL that may be secret"
	if r.all {
		return nothingLeft
	}
	text := r.error.Error()
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, "xxxxx")
	}
	for _, s := range r.secrets {
		for i := 0; i+fragment <= len(s); i++ {
			if strings.Contains(text, s[i:i+fragment]) {
				return nothingLeft
			}
		}
	}
	return text
}

const (
	fragment   = 6    // so many characters of a secret in a row are too many
	maxURL     = 2048 // the most characters of a URL that is searched for secrets
	maxAts     = 8    // the most signs @ that are tried as a password's end
	maxNesting = 2    // how deep URLs in parameters of URLs are searched
)

// secretsIn returns what may be secret in a URL, in every spelling, the longest first.
func secretsIn(rawURL string, nesting int) []string {
	found := map[string]bool{}
	for _, s := range append(passwordsIn(rawURL), parametersIn(rawURL, nesting)...) {
		for _, spelling := range spellings(s) {
			found[spelling] = true
		}
	}
	delete(found, "")
	secrets := make([]string, 0, len(found))
	for s := range found {
		secrets = append(secrets, s)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return secrets
}

// passwordsIn returns what may be the password of the user part: what stands between the first
// colon and any sign @, or else a port that is no number.
func passwordsIn(rawURL string) (passwords []string) {
	_, rest, ok := strings.Cut(rawURL, "//")
	if !ok {
		_, rest, _ = strings.Cut(rawURL, ":")
	}
	colon := strings.IndexByte(rest, ':')
	if colon < 0 {
		return nil
	}
	after := rest[colon+1:]
	for at, n := 0, 0; n < maxAts; n++ {
		next := strings.IndexByte(after[at:], '@')
		if next < 0 {
			break
		}
		at += next
		passwords = append(passwords, after[:at])
		at++
	}
	if len(passwords) > 0 {
		return passwords
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 && end < colon {
		return nil // the colon stands behind the host
	}
	port := after
	if end := strings.IndexAny(after, "/?#,"); end >= 0 {
		port = after[:end]
	}
	if port != "" && !isPort(port) && !strings.HasPrefix(rest, "[") {
		passwords = append(passwords, port)
	}
	return passwords
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil && len(text) <= len("65535")
}

// parametersIn returns the values of secret parameters, and the secrets in those that are URLs.
func parametersIn(rawURL string, nesting int) (secrets []string) {
	_, query, _ := strings.Cut(rawURL, "?")
	ends := func(r rune) bool { return r == '&' || r == ';' || r == '#' }
	for pair := range strings.FieldsFuncSeq(query, ends) {
		name, value, _ := strings.Cut(pair, "=")
		if isSecretName(unescaped(name)) {
			secrets = append(secrets, value)
		} else if inner := unescaped(value); nesting < maxNesting && strings.Contains(inner, "//") {
			secrets = append(secrets, secretsIn(inner, nesting+1)...)
		}
	}
	return secrets
}

// secretNames are parts of the names of secret parameters.
var secretNames = []string{
	"access_key", "accesskey", "api_key", "apikey", "authmechanismproperties", "credential",
	"pass", "pwd", "secret", "token",
}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretNames, func(part string) bool {
		return strings.Contains(name, part)
	})
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// spellings returns what a part of a URL may look like in an error.
func spellings(s string) []string {
	all := []string{s}
	for _, unescape := range []func(string) (string, error){url.QueryUnescape, url.PathUnescape} {
		if plain, err := unescape(s); err == nil {
			_, user, _ := strings.Cut(url.UserPassword("", plain).String(), ":")
			all = append(all, plain, url.QueryEscape(plain), url.PathEscape(plain), user)
		}
	}
	for _, s := range all {
		quoted := strconv.Quote(s)
		all = append(all, quoted[1:len(quoted)-1])
	}
	return all
}

// parseError says what is wrong with a malformed URL without repeating any of it, since any part
// may belong to a password.
func parseError(err error) error {
	var (
		e      *url.Error
		escape url.EscapeError
		host   url.InvalidHostError
	)
	what := ""
	switch {
	case errors.As(err, &escape):
		what = ": an escape is malformed"
	case errors.As(err, &host):
		what = ": a character of the host is none"
	case !errors.As(err, &e):
	case strings.Contains(e.Err.Error(), "port"):
		what = ": what should be its port is no number"
	case strings.Contains(e.Err.Error(), "scheme"):
		what = ": missing protocol scheme"
	}
	return errors.New("not a valid URL" + what)
}
