package flask

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
	"github.com/cloakroom-go/cloakroom/store"
)

// forEver is the longest lifetime that cloakroom.Options takes. Sessions of Flask have no
// deadline.
const forEver = 100 * 365 * 24 * time.Hour

// ownerName is where Flask-Login keeps its user's id.
const ownerName = "_user_id"

// New returns a manager that shares the sessions in store with a Flask application of
// this configuration. The store must keep them where that application does: with the same
// prefix, in the same table or folder. [Open] opens one that does.
func New(store store.Store, c Config) (*cloakroom.Manager, error) {
	o, err := c.Options()
	if err != nil {
		return nil, err
	}
	return cloakroom.New(store, o)
}

// Options returns options for [cloakroom.New] that share sessions with a Flask
// application of this configuration. You may set fields that Flask has no setting for,
// such as Logger and ErrorHandler. Lifetime is a hundred years, since sessions of Flask
// have no absolute end; a shorter one binds Cloakroom alone, from when it first saw the
// session.
//
// With a SecretKey but without SessionUseSigner, signed cookies are accepted and replaced
// by plain ones: so the signer can be turned off without signing anyone out, once Flask
// serves the site no more. The errors are those of [Config.Validate].
func (c Config) Options() (cloakroom.Options, error) {
	if err := c.Validate(); err != nil {
		return cloakroom.Options{}, err
	}
	format, err := c.Format()
	if err != nil {
		return cloakroom.Options{}, err
	}
	if c.inFiles() {
		format = cloakroom.MessagePack // the files hold pickles, whatever the setting
	}
	site, err := sameSite("SESSION_COOKIE_SAMESITE", c.SessionCookieSameSite)
	if err != nil {
		return cloakroom.Options{}, err
	}
	profile := c.profile(format)
	if len(c.SecretKey) > 0 {
		signer, err := NewSigner(c.SecretKey, c.SecretKeyFallbacks...)
		if err != nil {
			return cloakroom.Options{}, err
		}
		profile.ID = func(ticket string) (string, bool) {
			if !c.SessionUseSigner && isID(ticket) {
				return ticket, true
			}
			id, ok := signer.Unsign(ticket)
			return id, ok && isID(id)
		}
		if c.SessionUseSigner {
			profile.Ticket = signer.Sign
		}
	}
	return cloakroom.Options{
		CookieName:     c.SessionCookieName,
		Domain:         c.SessionCookieDomain,
		Format:         format,
		Idle:           c.PermanentSessionLifetime,
		InsecureCookie: !c.SessionCookieSecure,
		Lifetime:       forEver,
		MaxBytes:       c.CloakroomMaxBytes,
		MaxValues:      c.CloakroomMaxValues,
		Partitioned:    c.SessionCookiePartitioned,
		Path:           c.cookiePath(),
		Persistent:     c.SessionPermanent,
		Profile:        profile,
		SameSite:       site,
	}, nil
}

func (c Config) inFiles() bool {
	return c.isType("filesystem") || c.isType("cachelib")
}

// profile returns the profile without a signer.
func (c Config) profile(format cloakroom.Format) *cloakroom.Profile {
	remember, name := c.remember()
	p := &cloakroom.Profile{
		CheckValue:         checkValue,
		ClearCookies:       remember,
		ClearName:          name,
		Convert:            func(data []byte) ([]byte, error) { return document(data, format) },
		ID:                 func(ticket string) (string, bool) { return ticket, isID(ticket) },
		NewID:              func() string { return newID(c.SessionIDLength) },
		OwnerName:          ownerName,
		RefreshEachRequest: c.SessionRefreshEachRequest,
		ScriptCookie:       !c.SessionCookieHTTPOnly,
		Ticket:             func(id string) string { return id },
	}
	pickles := c.inFiles() || c.SessionSerializationFormat == pickled
	p.Restore = func(document, before []byte) ([]byte, error) {
		return restore(document, before, pickles)
	}
	return p
}

// newID returns an id made as by Python's secrets.token_urlsafe.
func newID(size int) string {
	random := make([]byte, size)
	_, _ = rand.Read(random) // never fails: it crashes the program instead, see crypto/rand
	return encoding.EncodeToString(random)
}

// isID reports whether Flask-Session may have made id, in any version and with any
// SESSION_ID_LENGTH: 22 to 171 characters of URL-safe base64, as a UUID has too. No other
// id reaches the store.
func isID(id string) bool {
	if len(id) < encoding.EncodedLen(minIDLength) || len(id) > encoding.EncodedLen(maxIDLength) {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// checkValue refuses a value that msgspec could not read, or would round. It accepts what
// came from a pickle.
func checkValue(format cloakroom.Format, value []byte) error {
	var err error
	switch format {
	case cloakroom.MessagePack:
		_, err = pickledoc.Value(value)
	case cloakroom.JSON:
		_, err = msgspec.ReadJSON(value)
	default:
		return fmt.Errorf("flask: unknown format %v", format)
	}
	return refusal(err)
}
