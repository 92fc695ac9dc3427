package cloakroom_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// crumbs is the cookies of a browser on one host as RFC 6265bis has them: apart by
// Domain, Path and Partitioned, and sent with longer paths first, then the oldest.
type crumbs struct{ cookies []*http.Cookie }

func (j *crumbs) set(c *http.Cookie) {
	i := slices.IndexFunc(j.cookies, func(old *http.Cookie) bool {
		return old.Name == c.Name && old.Domain == c.Domain && old.Path == c.Path && old.Partitioned == c.Partitioned
	})
	switch {
	case i >= 0 && c.MaxAge < 0:
		j.cookies = slices.Delete(j.cookies, i, i+1)
	case i >= 0:
		j.cookies[i] = c // it keeps its place
	case c.MaxAge >= 0:
		j.cookies = append(j.cookies, c)
	}
}

func (j *crumbs) header() string {
	sorted := slices.Clone(j.cookies)
	slices.SortStableFunc(sorted, func(a, b *http.Cookie) int { return len(b.Path) - len(a.Path) })
	var pairs []string
	for _, c := range sorted {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// do performs a request to a manager and takes over the cookies that are set.
func (j *crumbs) do(t *testing.T, m *cloakroom.Manager, h func(*cloakroom.Session)) *http.Response {
	t.Helper()
	r, _ := http.NewRequest(http.MethodGet, "/", nil)
	if header := j.header(); header != "" {
		r.Header.Set("Cookie", header)
	}
	w := newRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { h(m.Get(r)) })).ServeHTTP(w, r)
	resp := w.Result()
	for _, c := range resp.Cookies() {
		j.set(c)
	}
	return resp
}

func (j *crumbs) owner(t *testing.T, m *cloakroom.Manager) (owner string) {
	t.Helper()
	j.do(t, m, func(s *cloakroom.Session) { owner = s.Owner() })
	return owner
}

func (j *crumbs) login(t *testing.T, m *cloakroom.Manager, owner string) {
	t.Helper()
	if resp := j.do(t, m, func(s *cloakroom.Session) { s.Login(owner) }); resp.StatusCode != 200 {
		t.Fatalf("sign in: status %d", resp.StatusCode)
	}
}

// secureManager is site.manager for a cookie with Secure.
func (s *site) secureManager(options cloakroom.Options) *cloakroom.Manager {
	s.t.Helper()
	options.Now, options.Logger = s.clock.Now, slog.New(slog.NewTextHandler(s.log, nil))
	m, err := cloakroom.New(s.store, options)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// TestCookieOptionsChange: whichever attributes of the cookie change between two
// releases, visitors stay signed in, and those who sign in or out afterwards are.
func TestCookieOptionsChange(t *testing.T) {
	const name = "__Secure-id"
	host := cloakroom.Options{CookieName: name}
	partitioned := cloakroom.Options{CookieName: name, Partitioned: true}
	domain := cloakroom.Options{CookieName: name, Domain: "example.test"}
	path := cloakroom.Options{CookieName: name, Path: "/app"}
	noDomain := cloakroom.Options{CookieName: name, ClearDomains: []string{"example.test", "test.example.test"}}
	for what, c := range map[string]struct {
		before, after cloakroom.Options
		left          int // cookies of the browser at the end
	}{
		"partitioned":                 {host, partitioned, 1},
		"not partitioned":             {partitioned, host, 1},
		"domain":                      {host, domain, 1},
		"no domain":                   {domain, host, 2},
		"no domain, which is cleared": {domain, noDomain, 1},
		"path wider":                  {path, host, 2},
		"path narrower":               {host, path, 2},
	} {
		for _, first := range []string{"alive", "dead", "moved"} {
			t.Run(what+", "+first, func(t *testing.T) {
				s := newSite(t, cloakroom.Options{})
				before, after := s.secureManager(c.before), s.secureManager(c.after)
				j := &crumbs{}
				j.login(t, before, "ann")
				switch first {
				case "dead":
					other := &crumbs{slices.Clone(j.cookies)}
					other.do(t, before, func(s *cloakroom.Session) { s.Logout() })
				case "moved":
					j.login(t, after, "ann")
				}
				if owner := j.owner(t, after); (owner == "ann") == (first == "dead") {
					t.Errorf("at first: owner %q", owner)
				}
				for _, next := range []string{"bob", "cid", "cid"} {
					j.login(t, after, next)
					for range 2 {
						if owner := j.owner(t, after); owner != next {
							t.Errorf("after a sign-in as %s: owner %q", next, owner)
						}
					}
				}
				if len(j.cookies) > c.left {
					t.Errorf("%d cookies are left, want %d", len(j.cookies), c.left)
				}
				sent := slices.Clone(j.cookies)
				j.do(t, after, func(s *cloakroom.Session) { s.Logout() })
				for _, c := range sent {
					if owner := (&crumbs{[]*http.Cookie{c}}).owner(t, after); owner != "" {
						t.Errorf("signed out, and a ticket still is of %s", owner)
					}
				}
			})
		}
	}
}

// planted is a cookie that another host has set for a parent domain before ours came.
func planted(value string) *http.Cookie {
	return &http.Cookie{Name: "session", Value: value, Path: "/", Domain: "example.test"}
}

// TestPlantedCookies: what is planted before the ticket neither hides it nor survives
// what is asked of it.
func TestPlantedCookies(t *testing.T) {
	junk := func(n int) (all []*http.Cookie) {
		for i := range n {
			c := planted(fmt.Sprintf("%c", 'A'+i) + strings.Repeat("A", 42))
			c.Domain = fmt.Sprintf("d%d.test", i)
			all = append(all, c)
		}
		return all
	}
	for what, c := range map[string]struct {
		before []*http.Cookie
		loads  int
	}{
		"nothing":              {nil, 1},
		"an empty value":       {[]*http.Cookie{planted("")}, 1},
		"a malformed ticket":   {[]*http.Cookie{planted("xyz")}, 1},
		"an unknown ticket":    {junk(1), 2},
		"three tickets":        {junk(3), 4},
		"the same value twice": {nil, 1},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			j := &crumbs{slices.Clone(c.before)}
			j.login(t, s.m, "ann")
			if what == "the same value twice" {
				j.cookies = append([]*http.Cookie{planted(j.cookies[0].Value)}, j.cookies...)
			}
			got := s.store.count(func() {
				if owner := j.owner(t, s.m); owner != "ann" {
					t.Errorf("owner %q", owner)
				}
			})
			if got["load"] != c.loads || len(got) != 1 {
				t.Errorf("calls %v, want %d loads", got, c.loads)
			}
			j.login(t, s.m, "bob")
			if owner := j.owner(t, s.m); owner != "bob" {
				t.Errorf("signed in, and the owner is %q", owner)
			}
			j.do(t, s.m, func(s *cloakroom.Session) { s.Logout() })
			if owner := j.owner(t, s.m); owner != "" {
				t.Errorf("signed out, and the owner is %q", owner)
			}
		})
	}
}

// TestFiveTickets: a fifth is not looked at, and costs nothing.
func TestFiveTickets(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	dead := func(n int) (line string) {
		for i := range n {
			line += "session=" + string(rune('A'+i)) + strings.Repeat("A", 42) + "; "
		}
		return line
	}
	for n, want := range map[int]string{3: "ann", 4: "", 200: ""} {
		r := tab.request()
		r.Header.Set("Cookie", dead(n)+"session="+tab.cookie)
		var owner string
		got := s.store.count(func() {
			s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { owner = s.m.Get(r).Owner() })).ServeHTTP(newRecorder(), r)
		})
		if owner != want || got["load"] != 4 {
			t.Errorf("after %d others: owner %q, %d loads", n, owner, got["load"])
		}
	}
}

// two returns a browser whose first cookie was planted, and is that of a live session
// of mallory, and whose second is ann's.
func two(t *testing.T, s *site) (j *crumbs, mallory, ann *crumbs) {
	t.Helper()
	mallory, ann = &crumbs{}, &crumbs{}
	mallory.login(t, s.m, "mallory")
	ann.login(t, s.m, "ann")
	return &crumbs{[]*http.Cookie{planted(mallory.cookies[0].Value), ann.cookies[0]}}, mallory, ann
}

// TestSeveralLive: a sign-out ends all sessions whose tickets the browser sent, and a
// sign-in leaves none that could win.
func TestSeveralLive(t *testing.T) {
	ways := map[string]func(s *cloakroom.Session){
		"Login":  func(s *cloakroom.Session) { s.Login("bob") },
		"Renew":  func(s *cloakroom.Session) { s.Renew() },
		"Logout": func(s *cloakroom.Session) { s.Logout() },
		"Set":    func(s *cloakroom.Session) { a.Set(s, "1") },
	}
	for what, do := range ways {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			j, mallory, ann := two(t, s)
			wins := j.owner(t, s.m)
			resp := j.do(t, s.m, do)
			want := map[string]string{"Login": "bob", "Renew": wins, "Logout": "", "Set": wins}[what]
			if owner := j.owner(t, s.m); owner != want {
				t.Errorf("owner %q, want %q", owner, want)
			}
			if owner := ann.owner(t, s.m); (owner == "") != (what != "Set") {
				t.Errorf("the second ticket is of %q", owner)
			}
			if owner := mallory.owner(t, s.m); (owner == "") != (what != "Set") {
				t.Errorf("the first ticket is of %q", owner)
			}
			if n := len(resp.Header["Set-Cookie"]); n != map[string]int{"Login": 1, "Renew": 1, "Logout": 1}[what] {
				t.Errorf("%d cookies", n)
			}
		})
		t.Run(what+" fails", func(t *testing.T) {
			s := newSite(t, cloakroom.Options{Timeout: 300 * time.Millisecond})
			j, _, ann := two(t, s)
			if what == "Set" {
				return
			}
			s.store.intercept(func(op, _ string, do func() error) error {
				if op == "delete" {
					return errors.New("broken")
				}
				return do()
			})
			resp := j.do(t, s.m, do)
			s.store.intercept(nil)
			if resp.StatusCode != 503 || len(resp.Cookies()) > 0 || ann.owner(t, s.m) != "ann" {
				t.Errorf("status %d, %d cookies", resp.StatusCode, len(resp.Cookies()))
			}
		})
	}
}

// TestSealedTwin: the ticket that a sign-in replaced, in a twin that the browser kept,
// ends nothing at the next one.
func TestSealedTwin(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	j := &crumbs{}
	j.login(t, s.m, "ann")
	old := planted(j.cookies[0].Value)
	j.login(t, s.m, "ann")
	for _, order := range [][]*http.Cookie{{old, j.cookies[0]}, {j.cookies[0], old}} {
		both := &crumbs{order}
		if owner := both.owner(t, s.m); owner != "ann" {
			t.Errorf("owner %q", owner)
		}
	}
	both := &crumbs{[]*http.Cookie{old, j.cookies[0]}}
	both.do(t, s.m, func(s *cloakroom.Session) { s.Renew() })
	if owner := both.owner(t, s.m); owner != "ann" {
		t.Errorf("renewed, and the owner is %q", owner)
	}
}

// TestUnreadableTwin: a record that cannot be read keeps its cookie, and a live session
// behind it wins.
func TestUnreadableTwin(t *testing.T) {
	for _, behind := range []string{"live", "dead", "dead, in front"} {
		t.Run(behind, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.set(a, "1")
			s.damage(tab, []byte("garbage"))
			broken := planted(tab.cookie)
			j := &crumbs{}
			j.login(t, s.m, "ann")
			second := j.cookies[0]
			j.cookies = []*http.Cookie{broken, second}
			if behind != "live" {
				(&crumbs{[]*http.Cookie{second}}).do(t, s.m, func(s *cloakroom.Session) { s.Logout() })
			}
			if behind == "dead, in front" {
				j.cookies = []*http.Cookie{second, broken}
			}
			resp := j.do(t, s.m, func(s *cloakroom.Session) { a.Set(s, "2") })
			if resp.StatusCode != 200 || len(resp.Header["Set-Cookie"]) > 0 {
				t.Errorf("status %d, %d cookies", resp.StatusCode, len(resp.Header["Set-Cookie"]))
			}
			var v string
			j.do(t, s.m, func(s *cloakroom.Session) { v = a.Get(s) })
			if want := map[string]string{"live": "2"}[behind]; v != want {
				t.Errorf("a=%q, want %q", v, want)
			}
			// A sign-out ends the record that cannot be read, too.
			j.do(t, s.m, func(s *cloakroom.Session) { s.Logout() })
			r, _ := http.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Cookie", "session="+broken.Value)
			resp = (&crumbs{[]*http.Cookie{broken}}).do(t, s.m, func(s *cloakroom.Session) { a.Set(s, "3") })
			if len(resp.Cookies()) != 1 {
				t.Error("the record is still there")
			}
		})
	}
}

// TestTwinLoadFails: where a candidate cannot be loaded, nothing can be said, and no
// response is sent.
func TestTwinLoadFails(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 300 * time.Millisecond})
	j := &crumbs{}
	j.login(t, s.m, "ann")
	j.cookies = append([]*http.Cookie{planted(strings.Repeat("A", 43))}, j.cookies...)
	loads := 0
	s.store.intercept(func(op, _ string, do func() error) error {
		if loads++; op == "load" && loads > 1 {
			return errLost
		}
		return do()
	})
	if resp := j.do(t, s.m, func(s *cloakroom.Session) { _ = s.Owner() }); resp.StatusCode != 503 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestTwinsAreCleared: which lines a response has depends on what the browser sent.
func TestTwinsAreCleared(t *testing.T) {
	for what, c := range map[string]struct {
		options cloakroom.Options
		want    []string // the attributes that differ, in order
	}{
		"host":        {cloakroom.Options{}, []string{"partitioned", ""}},
		"partitioned": {cloakroom.Options{Partitioned: true}, []string{"", "partitioned"}},
		"domain": {cloakroom.Options{Domain: "app.example.test", ClearDomains: []string{".Example.test", "app.example.test"}}, []string{
			"", "partitioned", "app.example.test partitioned", "example.test", "example.test partitioned", "app.example.test",
		}},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			m := s.secureManager(c.options)
			name := m.Options().CookieName
			for _, sent := range []int{0, 1, 2} {
				for _, out := range []bool{false, true} {
					j := &crumbs{}
					j.login(t, m, "ann")
					j.cookies = slices.Repeat(j.cookies, sent)
					resp := j.do(t, m, func(s *cloakroom.Session) {
						if s.Login("bob"); out {
							s.Logout()
						}
					})
					var got []string
					for i, c := range resp.Cookies() {
						got = append(got, strings.TrimSpace(c.Domain+" "+map[bool]string{true: "partitioned"}[c.Partitioned]))
						clears := c.MaxAge < 0
						if own := i == len(resp.Cookies())-1; c.Name != name || !c.Secure || clears != (!own || out) {
							t.Errorf("cookie %d: clears %v", i, clears)
						}
					}
					want := c.want
					if sent < 2 {
						want = want[len(want)-1:]
					}
					if sent == 0 && out {
						want = nil
					}
					if !slices.Equal(got, want) {
						t.Errorf("%d sent, out %v: %q, want %q", sent, out, got, want)
					}
				}
			}
		})
	}
}

// TestSeveralReported: browsers that send several cookies are reported, once a minute at most.
func TestSeveralReported(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	j, _, ann := two(t, s)
	for range 3 {
		j.owner(t, s.m)
		ann.owner(t, s.m)
	}
	if n := s.log.count("cookies of one name"); n != 1 {
		t.Errorf("reported %d times\n%s", n, s.log)
	}
	for _, c := range j.cookies {
		if strings.Contains(s.log.String(), c.Value) {
			t.Error("a ticket is in the log")
		}
	}
}

// TestOpenWith: a request that is not one of net/http is treated as the middleware treats one.
func TestOpenWith(t *testing.T) {
	p := shared()
	p.ClearCookies = []*http.Cookie{{Name: "remember", Path: "/"}, {Name: "other", Path: "/"}}
	for _, profile := range []*cloakroom.Profile{nil, p} {
		s := newSite(t, cloakroom.Options{Profile: profile})
		session := s.m.OpenWith(t.Context(), cloakroom.Visit{IP: "192.0.2.7", UserAgent: strings.Repeat("u", 600)})
		session.Login("ann")
		if err := session.Save(); err != nil {
			t.Fatal(err)
		}
		all := session.Cookies()
		session.Close()
		if len(all) != 1 || all[0].Value == "" {
			t.Fatalf("%d cookies", len(all))
		}
		if profile == nil {
			for info, err := range s.m.Owned(t.Context(), "ann") {
				if err != nil || info.IP != "192.0.2.7" || len(info.UserAgent) != 512 {
					t.Errorf("%+v, %v", info, err)
				}
			}
		}
		line := "remember=1; session=junk; session=" + all[0].Value
		session = s.m.OpenWith(t.Context(), cloakroom.Visit{Cookies: line})
		if session.Owner() != "ann" || len(session.Cookies()) != 0 {
			t.Errorf("owner %q, %d cookies", session.Owner(), len(session.Cookies()))
		}
		if err := session.Logout(); err != nil {
			t.Error(err)
		}
		var names []string
		for _, c := range session.Cookies() {
			names = append(names, c.Name)
			if c.MaxAge >= 0 || c.Value != "" {
				t.Errorf("%s is set", c.Name)
			}
		}
		session.Close()
		want := []string{"session"}
		if profile != nil {
			want = append(want, "remember")
		}
		if !slices.Equal(names, want) {
			t.Errorf("cleared %q, want %q", names, want)
		}
	}
}
