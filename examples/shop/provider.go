package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/oauth2"

	"github.com/cloakroom-go/cloakroom"
)

// callback is where the provider sends users back to.
const callback = "/sign-in/provider/callback"

// provider is where users may sign in instead of by a password.
type provider struct {
	oauth2.Config
	userURL string // answers who the user is: sub and name, as OpenID Connect's userinfo
}

// providerFromEnv returns the provider that the environment describes, or nil.
func providerFromEnv() *provider {
	if os.Getenv("SHOP_OAUTH_CLIENT_ID") == "" {
		return nil
	}
	return &provider{userURL: os.Getenv("SHOP_OAUTH_USER_URL"), Config: oauth2.Config{
		ClientID:     os.Getenv("SHOP_OAUTH_CLIENT_ID"),
		ClientSecret: os.Getenv("SHOP_OAUTH_CLIENT_SECRET"),
		Endpoint: oauth2.Endpoint{
			AuthURL: os.Getenv("SHOP_OAUTH_AUTH_URL"), TokenURL: os.Getenv("SHOP_OAUTH_TOKEN_URL"),
		},
		RedirectURL: os.Getenv("SHOP_URL") + callback,
		Scopes:      []string{"openid", "profile"},
	}}
}

// origin is that of the provider's page.
func (p *provider) origin() string {
	u, err := url.Parse(p.Endpoint.AuthURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// attempt is a sign-in that has gone to the provider. It is good for one answer.
type attempt struct{ State, Verifier string }

const attempts = cloakroom.Key[attempt]("oauth")

// toProvider sends the browser to the provider, with a state that ties the answer to this session,
// and the challenge of a verifier that this server alone knows (RFC 9700 section 2.1, RFC 7636).
func (s *site) toProvider(w http.ResponseWriter, r *http.Request) error {
	a := attempt{State: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	attempts.Set(s.sessions.Get(r), a)
	to := s.provider.AuthCodeURL(a.State, oauth2.S256ChallengeOption(a.Verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// fromProvider signs in who comes back from the provider.
func (s *site) fromProvider(w http.ResponseWriter, r *http.Request) error {
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
	if a.State == "" || subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 {
		return s.next(w, r, "/sign-in", "error", "That sign-in is over. Begin again.")
	}
	if code == "" { // the parameter error says why
		return s.next(w, r, "/sign-in", "error", "The provider did not sign you in.")
	}
	subject, name, err := s.provider.who(r.Context(), code, a.Verifier)
	if err != nil {
		return fmt.Errorf("ask the provider who signs in: %w", err)
	}
	owner, err := s.users.ofProvider(r.Context(), subject, name)
	return s.begin(w, r, owner, err)
}

// who asks the provider whose code it is.
func (p *provider) who(
	ctx context.Context, code, verifier string,
) (subject, name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	token, err := p.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.userURL, nil)
	if err != nil {
		return "", "", err
	}
	resp, err := p.Client(ctx, token).Do(r)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	var user struct{ Sub, Name string }
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&user)
	if resp.StatusCode != http.StatusOK || err != nil || user.Sub == "" {
		return "", "", errors.Join(fmt.Errorf("%s, without a sub", resp.Status), err)
	}
	return user.Sub, user.Name, nil
}
