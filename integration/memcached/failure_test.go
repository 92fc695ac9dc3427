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

// answerLimit is how soon every request is answered while a server is away, on a
// machine that has time for it: what plain timers are late by meanwhile comes on top.
const answerLimit = 2 * time.Second

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
	slowest time.Duration // of the answers
}

func newPerson(t *testing.T, number int) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &person{name: fmt.Sprintf("person %d", number), client: &http.Client{Jar: jar, Transport: transport, Timeout: servers.Patience}}
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
	start := time.Now()
	resp, err := p.client.Get(site + "/name")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	p.slowest = max(p.slowest, time.Since(start))
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

// crowd has everybody ask while during runs, and returns how often what came.
func crowd(t *testing.T, site string, people []*person, during func()) map[string]int {
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
	var late time.Duration
	wg.Go(func() {
		const nap = 20 * time.Millisecond
		for {
			start := time.Now()
			select {
			case <-stop:
				return
			case <-time.After(nap):
				late = max(late, time.Since(start)-nap)
			}
		}
	})
	during()
	close(stop)
	wg.Wait()
	for _, p := range people {
		if limit := answerLimit + 2*late; p.slowest > limit {
			t.Errorf("%s waited %v for an answer; the limit is %v", p.name, p.slowest, limit)
		}
		p.slowest = 0
	}
	t.Logf("answers: %v", counts)
	return counts
}

func crowdOf(t *testing.T, site string, n int) []*person {
	t.Helper()
	people := make([]*person, n)
	for i := range people {
		people[i] = newPerson(t, i)
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
		counts := crowd(t, site, people, func() {
			time.Sleep(200 * time.Millisecond)
			m.Kill()
			time.Sleep(500 * time.Millisecond)
			m.Restart(t)
			time.Sleep(300 * time.Millisecond)
		})
		if counts["own"] == 0 || counts["503"] == 0 || counts["none"] == 0 {
			t.Errorf("answers: %v, want some of each kind", counts)
		}
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
			crowd(t, site, people, func() { time.Sleep(100 * time.Millisecond) })
			counts := crowd(t, site, people, func() {
				all[0].Pause(t)
				time.Sleep(5 * time.Second)
				all[0].Resume(t)
				time.Sleep(200 * time.Millisecond)
			})
			if counts["none"] > 0 || counts["503"] == 0 || counts["own"] == 0 {
				t.Errorf("answers: %v, want 503 and then each user's own, and no user signed out", counts)
			}
			if count > 1 && counts["own"] < 300 {
				t.Errorf("answers: %v: the servers that are there did not go on", counts)
			}
			for _, p := range people {
				if got, err := p.ask(site); err != nil || got != "own" {
					t.Errorf("afterwards: %q, %v", got, err)
				}
			}
		})
	}
}
