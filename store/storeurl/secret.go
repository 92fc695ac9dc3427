package storeurl

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Hide returns err with the secrets of a store URL left out of its text, however they
// are written there: the password of the user part, also of a URL that is malformed,
// and the values of parameters whose name says that they are secret, such as password
// or token. Where the text repeats a part of one all the same, nothing of it is left.
// What err wraps is kept for
// [errors.Is]. [Open] hides by itself.
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
	fragment   = 6    // characters of a secret that are too many
	maxURL     = 2048 // characters of a URL, beyond which its secrets are not looked for
	maxAts     = 8    // signs @ of a URL that may end a password
	maxNesting = 2    // URLs within parameters of URLs
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

// passwordsIn returns what may be the password of the user part: whatever stands
// between the first colon and any sign @, or without one, a port that is no number.
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
		return nil // it is none of the host's
	}
	port := after
	if end := strings.IndexAny(after, "/?#,"); end >= 0 {
		port = after[:end]
	}
	if _, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || len(port) > len("65535")) && !strings.HasPrefix(rest, "[") {
		passwords = append(passwords, port)
	}
	return passwords
}

// parametersIn returns the values of parameters that are secret, and the secrets of
// those that are URLs.
func parametersIn(rawURL string, nesting int) (secrets []string) {
	_, query, _ := strings.Cut(rawURL, "?")
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' || r == '#' }) {
		name, value, _ := strings.Cut(pair, "=")
		if isSecretName(unescaped(name)) {
			secrets = append(secrets, value)
		} else if inner := unescaped(value); nesting < maxNesting && strings.Contains(inner, "//") {
			secrets = append(secrets, secretsIn(inner, nesting+1)...)
		}
	}
	return secrets
}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{
		"pass", "pwd", "secret", "token", "credential", "authmechanismproperties", "apikey", "api_key", "access_key", "accesskey",
	}, func(part string) bool { return strings.Contains(name, part) })
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

// parseError says what is wrong with a URL and repeats nothing of it: where it is
// malformed, any part may be of a password.
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
