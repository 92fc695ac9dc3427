package caches

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

const visits = cloakroom.Key[int]("visits")

// said are headers by which a handler asks caches to store its response.
var said = []string{
	"",
	"Cache-Control: public, max-age=60",
	"Cache-Control: max-age=60",
	"Cache-Control: s-maxage=60",
	"Cache-Control: public|Cache-Control: max-age=60",
	`Cache-Control: private="Set-Cookie", max-age=60`,
	`Cache-Control: no-cache="Set-Cookie", max-age=60`,
	"Cache-Control: no-cache|ETag: \"1\"",
	"Cache-Control: max-age=60, must-revalidate",
	"Cache-Control: no-store, must-understand, max-age=60",
	"Expires: Thu, 01 Dec 2033 16:00:00 GMT",
	"Expires: Thu, 01 Dec 2033 16:00:00 GMT|Cache-Control: public",
	"Last-Modified: Thu, 01 Dec 2011 16:00:00 GMT",
	"Surrogate-Control: max-age=60",
	"Surrogate-Control: max-age=60|Cache-Control: public, max-age=60",
	"CDN-Cache-Control: max-age=60",
	"X-Accel-Expires: 60",
	"X-Accel-Expires: 60|Cache-Control: public, max-age=60",
}

// site is an application behind the middleware. The query says what it says to caches.
type site struct {
	m    *cloakroom.Manager
	runs atomic.Int64
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, text func(*cloakroom.Session) string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			n := s.runs.Add(1)
			for _, line := range strings.Split(r.URL.Query().Get("say"), "|") {
				if name, value, found := strings.Cut(line, ": "); found {
					w.Header().Add(name, value)
				}
			}
			fmt.Fprintf(w, "run %d: %s", n, text(s.m.Get(r)))
		})
	}
	page("/ready", func(*cloakroom.Session) string { return "" })
	page("/alone/", func(*cloakroom.Session) string { return "the same for all" })
	page("/shared/", func(s *cloakroom.Session) string {
		s.AllowSharedCache()
		_ = s.Owner()
		return "the same for all"
	})
	page("/set/", func(s *cloakroom.Session) string {
		visits.Update(s, func(n int) int { return n + 1 })
		return "visits " + fmt.Sprint(visits.Get(s))
	})
	page("/read/", func(s *cloakroom.Session) string { return "owner " + s.Owner() })
	page("/login/", func(s *cloakroom.Session) string { return fmt.Sprint(s.Login("ann")) })
	page("/logout/", func(s *cloakroom.Session) string { return fmt.Sprint(s.Logout()) })
	return s.m.Handler(mux)
}

// newSite starts the application, and returns its URL and its port.
func newSite(t *testing.T) (url string, port int) {
	t.Helper()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	m, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{m: m}
	origin := httptest.NewServer(s.handler())
	t.Cleanup(origin.Close)
	return origin.URL, origin.Listener.Addr().(*net.TCPAddr).Port
}

// answer is what a visitor gets.
type answer struct{ body, cookie string }

func get(t *testing.T, url, cookie string) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", "session="+cookie)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", resp.StatusCode, err, body)
	}
	a := answer{body: string(body)}
	for _, c := range resp.Cookies() {
		a.cookie = c.Value
	}
	return a
}

// TestSharedCaches: each visitor gets a response of their own wherever the session was
// used, whatever the handler says to caches. Pages that do not use it are stored as ever.
func TestSharedCaches(t *testing.T) {
	for _, c := range caches {
		t.Run(c.name, func(t *testing.T) {
			origin, port := newSite(t)
			front := c.url(t, port, "")
			ann := get(t, origin+"/login/", "").cookie
			stored := map[string]int{}
			for i, say := range said {
				// at returns a page that no other case requests.
				at := func(kind string) string { return fmt.Sprintf("%s/%s/%d?say=%s", front, kind, i, url.QueryEscape(say)) }
				for _, kind := range []string{"alone", "shared"} {
					if first := get(t, at(kind), ""); get(t, at(kind), "") == first {
						stored[kind]++
					}
				}
				one, other := get(t, at("set"), ""), get(t, at("set"), "")
				if one.cookie == "" || other.cookie == "" || one.cookie == other.cookie || one.body == other.body {
					t.Errorf("%s: the ticket of one visitor reaches the next", say)
				}
				for j, first := range []string{ann, "", one.cookie} {
					at := at("read") + "&first=" + strconv.Itoa(j)
					before := get(t, at, first)
					if after := get(t, at, first); after.body == before.body {
						t.Errorf("%s: a page that read the session is stored: %s", say, after.body)
					}
					for _, next := range []string{"", ann, other.cookie} {
						want := "owner "
						if next == ann {
							want += "ann"
						}
						if got := get(t, at, next).body; !strings.HasSuffix(got, ": "+want) {
							t.Errorf("%s: %q for one of %q", say, got, want)
						}
					}
				}
				bob := get(t, origin+"/login/", "").cookie
				out := get(t, at("logout"), bob)
				if again := get(t, at("logout"), ""); again == out {
					t.Errorf("%s: a sign-out is stored", say)
				}
			}
			if stored["alone"] < 3 || stored["shared"] < 3 {
				t.Errorf("the cache stores too little to tell: %v", stored)
			}
		})
	}
}

// TestIgnoringCaches: a cache that ignores what it is told hands the ticket of one visitor to the
// next, as docs/proxy.md warns of each of these configurations.
func TestIgnoringCaches(t *testing.T) {
	page, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range caches {
		t.Run(c.name, func(t *testing.T) {
			_, port := newSite(t)
			at := c.url(t, port, c.ignore) + "/set/?say=" + url.QueryEscape("Cache-Control: max-age=60")
			one, other := get(t, at, ""), get(t, at, "")
			if one.cookie == "" || one.cookie != other.cookie {
				t.Error("visitors get tickets of their own")
			}
		})
		name, _, _ := strings.Cut(c.ignore, " {")
		if name = strings.Trim(name, ";"); !strings.Contains(string(page), strings.TrimPrefix(name, "sub ")) {
			t.Errorf("docs/proxy.md does not warn of %s", name)
		}
	}
}
