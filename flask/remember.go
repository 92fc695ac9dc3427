package flask

import (
	"fmt"
	"net/http"
)

// clearName is the value by which Flask-Login tells itself to clear its cookie, at the
// next response.
const clearName = "_remember"

// remember returns the cookies that signing out clears besides the session's, and the
// name of the value that asks for it.
func (c Config) remember() ([]*http.Cookie, string) {
	if c.RememberCookieName == "" {
		return nil, ""
	}
	return []*http.Cookie{c.rememberCookie()}, clearName
}

// rememberCookie is Flask-Login's cookie, to be cleared. It has the attributes that it
// was set with: a browser ignores the clearing of a `__Host-` cookie without Secure.
func (c Config) rememberCookie() *http.Cookie {
	// checkRemember has seen it
	site, _ := sameSite("REMEMBER_COOKIE_SAMESITE", c.RememberCookieSameSite)
	return &http.Cookie{
		Name: c.RememberCookieName, Path: c.RememberCookiePath, Domain: c.RememberCookieDomain, MaxAge: -1,
		HttpOnly: c.RememberCookieHTTPOnly, SameSite: site, Secure: c.RememberCookieSecure,
	}
}

func (c Config) checkRemember() error {
	if c.RememberCookieName == "" {
		return nil
	}
	if c.RememberCookieName == c.SessionCookieName {
		return fmt.Errorf("REMEMBER_COOKIE_NAME is %q, and so is SESSION_COOKIE_NAME: it is empty for an application without Flask-Login", c.RememberCookieName)
	}
	if _, err := sameSite("REMEMBER_COOKIE_SAMESITE", c.RememberCookieSameSite); err != nil {
		return err
	}
	if err := c.rememberCookie().Valid(); err != nil {
		return fmt.Errorf("REMEMBER_COOKIE_NAME %q, REMEMBER_COOKIE_DOMAIN %q or REMEMBER_COOKIE_PATH %q: %w",
			c.RememberCookieName, c.RememberCookieDomain, c.RememberCookiePath, err)
	}
	return nil
}
