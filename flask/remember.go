package flask

import (
	"fmt"
	"net/http"
)

// clearName is the value by which Flask-Login notes that its next response clears the
// cookie.
const clearName = "_remember"

// remember returns the cookies that signing out clears besides the session's, and the
// value to clear them by.
func (c Config) remember() ([]*http.Cookie, string) {
	if c.RememberCookieName == "" {
		return nil, ""
	}
	return []*http.Cookie{c.rememberCookie()}, clearName
}

// rememberCookie returns a cookie that clears Flask-Login's. It has the same attributes:
// a browser ignores the clearing of a `__Host-` cookie without Secure.
func (c Config) rememberCookie() *http.Cookie {
	// checkRemember has checked it
	site, _ := sameSite("REMEMBER_COOKIE_SAMESITE", c.RememberCookieSameSite)
	return &http.Cookie{
		Name: c.RememberCookieName, MaxAge: -1,
		Path: c.RememberCookiePath, Domain: c.RememberCookieDomain,
		HttpOnly: c.RememberCookieHTTPOnly, SameSite: site, Secure: c.RememberCookieSecure,
	}
}

func (c Config) checkRemember() error {
	if c.RememberCookieName == "" {
		return nil
	}
	if c.RememberCookieName == c.SessionCookieName {
		return fmt.Errorf("REMEMBER_COOKIE_NAME is %q, and so is SESSION_COOKIE_NAME: "+
			"leave it empty for an application without Flask-Login", c.RememberCookieName)
	}
	if _, err := sameSite("REMEMBER_COOKIE_SAMESITE", c.RememberCookieSameSite); err != nil {
		return err
	}
	if err := c.rememberCookie().Valid(); err != nil {
		const what = "REMEMBER_COOKIE_NAME %q, REMEMBER_COOKIE_DOMAIN %q or REMEMBER_COOKIE_PATH %q"
		return fmt.Errorf(what+": %w", c.RememberCookieName,
			c.RememberCookieDomain, c.RememberCookiePath, err)
	}
	return nil
}
