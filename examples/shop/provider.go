package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/cloakroom-go/cloakroom"
)

// provider is where users may sign in instead of by a password.
type provider struct {
	oauth2.Config
	UserURL string // answers who the user is: sub and name, as OpenID Connect's userinfo
}

// attempt is a sign-in that has gone to the provider. It is good for one answer.
type attempt struct{ State, Verifier string }

const attempts = cloakroom.Key[attempt]("oauth")

// toProvider sends the browser to the provider, with a state that ties the answer to this session,
// and the challenge of a verifier that this server alone knows (RFC 9700 section 2.1, RFC 7636).
func (s *site) toProvider(w http.ResponseWriter, r *http.Request, _ *user) error {
	a := attempt{State: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	attempts.Set(s.sessions.Get(r), a)
	to := s.provider.AuthCodeURL(a.State, oauth2.S256ChallengeOption(a.Verifier))
	return s.next(w, r, to, "", nil)
}

// fromProvider signs in who comes back from the provider. The subject never becomes a user with a
// password, also where the names are the same: a name at the provider proves nothing here.
func (s *site) fromProvider(w http.ResponseWriter, r *http.Request, _ *user) error {
	// Taking it out is committed before it is used: of two answers, one finds it.
	var a attempt
	err := s.sessions.Get(r).Transact(func(tx *cloakroom.Tx) error {
		a = attempts.Get(tx)
		attempts.Delete(tx)
		return nil
	})
	if err != nil {
		return err
	}
	state, code := r.FormValue("state"), r.FormValue("code")
	same := subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) == 1
	if a.State == "" || !same || code == "" { // without a code, the parameter error says why
		return s.next(w, r, "/sign-in", "That sign-in is over, or was refused. Begin again.", nil)
	}
	subject, name, err := s.provider.who(r.Context(), code, a.Verifier)
	if err != nil {
		return fmt.Errorf("ask the provider who signs in: %w", err)
	}
	const upsert = `INSERT INTO users (name, subject) VALUES (?, ?)
		ON CONFLICT (subject) DO UPDATE SET name = excluded.name`
	id, err := s.changeUser(r.Context(), upsert, name, subject)
	return s.begin(w, r, id, err)
}

// who asks the provider whose code it is.
func (p *provider) who(ctx context.Context, code, verifier string) (sub, name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	token, err := p.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.UserURL, nil)
	if err != nil {
		return "", "", err
	}
	resp, err := p.Client(ctx, token).Do(r)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	var u struct{ Sub, Name string }
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&u)
	if resp.StatusCode != http.StatusOK || err != nil || u.Sub == "" {
		return "", "", errors.Join(fmt.Errorf("%s, without a sub", resp.Status), err)
	}
	return u.Sub, u.Name, nil
}
