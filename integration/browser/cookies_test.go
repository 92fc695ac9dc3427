package browser

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// twinSite is an application on app.example.test over TLS, whose options change while a
// browser uses it, and a sibling host, evil.example.test, whose page can set cookies
// for both.
type twinSite struct {
	*profile
	t     *testing.T
	store store.Store
	m     atomic.Pointer[cloakroom.Manager]
	port  int
}

const twinName = "__Secure-id"

// twinBrowser starts a browser that takes every host for this machine's.
func twinBrowser(t *testing.T) *profile {
	t.Helper()
	chromium(t)
	return newProfile(t, chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"))
}

// newTwinSite returns a new site for a browser, whose cookies it clears.
func newTwinSite(t *testing.T, p *profile, options cloakroom.Options) *twinSite {
	t.Helper()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := &twinSite{t: t, store: store, profile: p}
	s.deploy(options)
	mux := http.NewServeMux()
	page := func(path string, h func(*cloakroom.Session, *http.Request) string) {
		mux.Handle(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m := s.m.Load()
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, h(m.Get(r), r)) })).ServeHTTP(w, r)
		}))
	}
	page("/app/login", func(s *cloakroom.Session, r *http.Request) string { return fmt.Sprint(s.Login(r.FormValue("as"))) })
	page("/app/logout", func(s *cloakroom.Session, _ *http.Request) string { return fmt.Sprint(s.Logout()) })
	page("/app/who", func(s *cloakroom.Session, r *http.Request) string {
		return fmt.Sprintf("%q, %d", s.Owner(), len(r.CookiesNamed(twinName)))
	})
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/blank", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { p.run(t, chromedp.Navigate("about:blank")) }) // so that it asks for nothing more
	s.port = server.Listener.Addr().(*net.TCPAddr).Port
	p.run(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}))
	return s
}

// deploy changes the options of the application.
func (s *twinSite) deploy(options cloakroom.Options) {
	s.t.Helper()
	m, err := cloakroom.New(s.store, options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.m.Store(m)
}

// get visits a page and returns its text.
func (s *twinSite) get(host, path string) string {
	s.t.Helper()
	s.run(s.t, chromedp.Navigate(fmt.Sprintf("https://%s.example.test:%d%s", host, s.port, path)))
	return evaluate[string](s.t, s.profile, `document.body.innerText`)
}

// is checks who is signed in, and how many cookies of the name the browser sends at most.
func (s *twinSite) is(what, owner string, cookies int) {
	s.t.Helper()
	var n int
	got := s.get("app", "/app/who")
	who, count, _ := strings.Cut(got, ", ")
	if fmt.Sscan(count, &n); who != fmt.Sprintf("%q", owner) || n > cookies {
		s.t.Errorf("%s: %s, want %q and at most %d cookies", what, got, owner, cookies)
	}
}

// lives signs in and out, twice, and ends without a session.
func (s *twinSite) lives(cookies int) {
	s.t.Helper()
	for _, owner := range []string{"bob", "cid", "bob"} {
		s.get("app", "/app/login?as="+owner)
		s.is("signed in as "+owner, owner, cookies)
	}
	s.get("app", "/app/logout")
	s.is("signed out", "", cookies)
	s.get("app", "/app/login?as=ann")
	s.is("signed in again", "ann", cookies)
	s.get("app", "/app/logout")
	s.is("signed out again", "", cookies)
}

// TestCookieAttributesChange: visitors stay signed in when a release changes attributes
// of the cookie, and can sign in and out.
func TestCookieAttributesChange(t *testing.T) {
	host := cloakroom.Options{CookieName: twinName}
	partitioned := cloakroom.Options{CookieName: twinName, SameSite: http.SameSiteNoneMode, Partitioned: true}
	domain := cloakroom.Options{CookieName: twinName, Domain: "example.test"}
	path := cloakroom.Options{CookieName: twinName, Path: "/app"}
	cleared := cloakroom.Options{CookieName: twinName, ClearDomains: []string{"example.test"}}
	browser := twinBrowser(t)
	for what, c := range map[string]struct {
		before, after cloakroom.Options
		cookies       int // cookies left when the visitor has signed in again
	}{
		"partitioned":                 {host, partitioned, 1},
		"not partitioned":             {partitioned, host, 1},
		"domain":                      {host, domain, 1},
		"no domain":                   {domain, host, 2},
		"no domain, which is cleared": {domain, cleared, 1},
		"path wider":                  {path, host, 2},
		"path narrower":               {host, path, 2},
	} {
		t.Run(what, func(t *testing.T) {
			s := newTwinSite(t, browser, c.before)
			s.get("app", "/app/login?as=ann")
			s.is("before", "ann", 1)
			s.deploy(c.after)
			s.is("after", "ann", 1)
			s.get("app", "/app/login?as=ann") // as for a password prompt: now there are two, mostly
			s.is("signed in once more", "ann", 2)
			s.lives(c.cookies)
		})
	}
}

// TestPlantedByScript: a page of a sibling host sets a cookie of the application's name,
// before the visitor comes and after, and the visitor can still sign in.
func TestPlantedByScript(t *testing.T) {
	servers.Long(t)
	browser := twinBrowser(t)
	for what, value := range map[string]string{"junk": "junk", "an unknown ticket": strings.Repeat("A", 43)} {
		// the cookie of a longer path comes first
		for _, path := range []string{"/", "/app"} {
			t.Run(what+", "+path, func(t *testing.T) {
				s := newTwinSite(t, browser, cloakroom.Options{CookieName: twinName, ClearDomains: []string{"example.test"}})
				left := map[string]int{"/": 1, "/app": 2}[path]
				plant := func() {
					s.get("evil", "/blank")
					evaluate[string](t, s.profile, fmt.Sprintf(`document.cookie = "%s=%s; Secure; Path=%s; Domain=example.test"`, twinName, value, path))
				}
				plant()
				s.lives(2) // the first response clears nothing, since one cookie came
				s.get("app", "/app/login?as=ann")
				plant()
				s.is("planted beside a session", "ann", 2)
				s.lives(left)
			})
		}
	}
}
