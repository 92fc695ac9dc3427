package memcached

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

const name = cloakroom.Key[string]("name")

// site is an application whose sessions each hold their owner's name.
func site(t *testing.T, store store.Store) *httptest.Server {
	t.Helper()
	m, err := cloakroom.New(store, cloakroom.Options{
		InsecureCookie: true,
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /name", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, name.Get(m.Get(r)))
	})
	mux.HandleFunc("POST /name", func(w http.ResponseWriter, r *http.Request) {
		name.Set(m.Get(r), r.FormValue("name"))
	})
	srv := httptest.NewServer(m.Handler(mux))
	t.Cleanup(srv.Close)
	return srv
}

// person is a browser with a session, asking for its name over and over.
type person struct {
	name    string
	client  *http.Client
	clock   *servers.Clock
	slowest time.Duration // of the answers
}

func newPerson(t *testing.T, number int, clock *servers.Clock) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &person{
		name:   fmt.Sprintf("person %d", number),
		client: &http.Client{Jar: jar, Transport: transport, Timeout: servers.Patience},
		clock:  clock,
	}
}

func (p *person) signIn(site string) (int, error) {
	resp, err := p.client.PostForm(site+"/name", map[string][]string{"name": {p.name}})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// ask returns what became of one request: "own", "none" or "503". Anything else is an error.
func (p *person) ask(site string) (string, error) {
	start := p.clock.Now()
	resp, err := p.client.Get(site + "/name")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	p.slowest = max(p.slowest, p.clock.Now()-start)
	if c := resp.Header["Set-Cookie"]; len(c) > 0 {
		return "", fmt.Errorf("%s with a cookie: %s", resp.Status, strings.SplitN(c[0], "=", 2)[0])
	}
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable:
		return "503", nil
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s: %s", resp.Status, body)
	case string(body) == p.name:
		return "own", nil
	case len(body) == 0:
		return "none", nil
	}
	return "", fmt.Errorf("%s was answered %q", p.name, body)
}

// crowd has all people ask while during runs, and returns how often what came. during gets what
// waits until an answer came so many times more.
func crowd(
	t *testing.T, site string, people []*person, during func(comes func(what string, more int)),
) map[string]int {
	t.Helper()
	counts := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, p := range people {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				got, err := p.ask(site)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				counts[got]++
				mu.Unlock()
			}
		})
	}
	end := sync.OnceFunc(func() {
		close(stop)
		wg.Wait()
	})
	defer end() // also where during ends the test
	count := func(what string) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[what]
	}
	during(func(what string, more int) {
		t.Helper()
		before := count(what)
		servers.Until(t, "the answer is "+what, func() error {
			if n := count(what) - before; n < more {
				return fmt.Errorf("%d times of %d", n, more)
			}
			return nil
		})
	})
	end()
	for _, p := range people {
		if p.slowest > servers.AnswerLimit {
			t.Errorf("%s waited %v for an answer; the limit is %v", p.name, p.slowest, servers.AnswerLimit)
		}
		p.slowest = 0
	}
	t.Logf("answers: %v", counts)
	return counts
}

func crowdOf(t *testing.T, site string, n int) []*person {
	t.Helper()
	people, clock := make([]*person, n), servers.StartClock(t)
	for i := range people {
		people[i] = newPerson(t, i, clock)
		if code, err := people[i].signIn(site); err != nil || code != http.StatusOK {
			t.Fatal(code, err)
		}
	}
	return people
}

// A server that is killed under load and started again has lost its sessions. Meanwhile
// there are clean 503s, in time; afterwards people without a session, who can sign in
// again.
func TestServerKilled(t *testing.T) {
	m := servers.StartMemcached(t)
	site := site(t, open(t, m.URL())).URL
	people := crowdOf(t, site, 16)
	for range 3 {
		crowd(t, site, people, func(comes func(string, int)) {
			comes("own", 50)
			m.Kill()
			comes("503", 50)
			m.Restart(t)
			comes("none", 50)
		})
		for _, p := range people {
			if got, err := p.ask(site); err != nil || got != "none" {
				t.Errorf("after the restart: %q, %v, want no session", got, err)
			}
			if code, err := p.signIn(site); err != nil || code != http.StatusOK {
				t.Errorf("signing in again: %d, %v", code, err)
			}
			if got, err := p.ask(site); err != nil || got != "own" {
				t.Errorf("after signing in again: %q, %v", got, err)
			}
		}
	}
}

// A server that stands still for five seconds loses nothing. Of three servers, the
// others go on.
func TestServerPaused(t *testing.T) {
	for _, count := range []int{1, 3} {
		t.Run(fmt.Sprintf("OneOf%d", count), func(t *testing.T) {
			var all []*servers.Memcached
			for range count {
				all = append(all, servers.StartMemcached(t))
			}
			site := site(t, open(t, all[0].URL(all[1:]...))).URL
			people := crowdOf(t, site, 16)
			crowd(t, site, people, func(comes func(string, int)) { comes("own", 50) })
			counts := crowd(t, site, people, func(comes func(string, int)) {
				all[0].Pause(t)
				time.Sleep(5 * time.Second)
				comes("503", 1)
				if count > 1 { // the servers that are there go on
					comes("own", 300)
				}
				all[0].Resume(t)
				comes("own", 50)
			})
			if counts["none"] > 0 {
				t.Errorf("answers: %v, want no user signed out", counts)
			}
			for _, p := range people {
				if got, err := p.ask(site); err != nil || got != "own" {
					t.Errorf("afterwards: %q, %v", got, err)
				}
			}
		})
	}
}
