package demotest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Store is a kind of store to check the demo with.
type Store struct {
	// URL returns the URL of an empty store, which no other check uses.
	URL func(t testing.TB) string

	Shared  bool // several processes can use it at once
	Durable bool // it outlives its process, even a killed one
	Lists   bool // it can list the sessions of an owner

	// Program is the folder, from the repository's, of a program that serves the demo's
	// routes by itself: see [StartProgram]. Empty is the command's demo.
	Program string
}

// Check runs every check with a store. Each is a subtest, named by what must hold.
func Check(t *testing.T, s Store) {
	for _, c := range []struct {
		name  string
		run   func(*testing.T, Store)
		needs bool
	}{
		{"RoutesAnswerAsDocumented", checkRoutes, true},
		{"IncrementsAreExact", checkIncrements, true},
		{"SlowRequestLosesNothing", checkSlowLosesNothing, true},
		{"SignOutEndsSlowRequests", checkSlowLogout, true},
		{"RevocationEndsSlowRequests", checkSlowRevoke, s.Lists},
		{"SlowRequestDoesNotUndoSignIn", checkSlowLogin, true},
		{"BadCookiesCostNothing", checkBadCookies, true},
		{"UnknownTicketIsNotAdopted", checkUnknownTicket, true},
		{"ReadsCostOneLoad", checkReads, true},
		{"SignalsStopTheDemo", checkSignals, true},
		{"SessionsSurviveRestart", checkRestart, s.Durable},
		{"AnsweredWritesSurviveKill", checkKill, s.Durable},
		{"CommandsSeeTheSessions", checkCommands, s.Shared && s.Lists},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !c.needs {
				t.Skip("not with this store")
			}
			c.run(t, s)
		})
	}
}

// start starts a demo with the store at a URL.
func (s Store) start(t testing.TB, url string) *Demo {
	t.Helper()
	if s.Program == "" {
		return Start(t, "--store", url)
	}
	return StartProgram(t, s.Program, "--store", url)
}

// one starts a demo with the store.
func (s Store) one(t testing.TB) *Demo {
	t.Helper()
	return s.start(t, s.URL(t))
}

// two starts two demos on one store. If processes cannot share the store, both are one
// demo.
func (s Store) two(t testing.TB) (a, b *Demo) {
	t.Helper()
	url := s.URL(t)
	a = s.start(t, url)
	if !s.Shared {
		return a, a
	}
	return a, s.start(t, url)
}

func checkRoutes(t *testing.T, s Store) {
	d := s.one(t)
	b := &browser{t: t}
	b.want(d, 200, "pong", "GET /ping", "")
	b.want(d, 200, "no value set", "GET /get", "")
	b.want(d, 401, "signed out", "GET /sessions", "")
	b.want(d, 401, "signed out", "POST /revoke", "all=1")
	if b.ticket != "" {
		t.Error("reading handed out a ticket")
	}
	b.want(d, 200, "value set", "POST /set", "value=red+umbrella")
	b.want(d, 200, "red umbrella", "GET /get", "")
	b.want(d, 200, "value set", "POST /modify", "value=blue")
	b.want(d, 200, "blue", "GET /value?key=value", "")
	b.want(d, 200, "value deleted", "POST /delete", "")
	b.want(d, 200, "no value set", "GET /get", "")
	b.want(d, 200, "1", "POST /incr", "key=n")
	b.want(d, 200, "2", "POST /incr", "key=n")
	b.want(d, 200, "2", "GET /value?key=n", "")
	b.want(d, 200, "ok", "POST /slow", "ms=1&key=k&value=v")
	b.want(d, 200, "v", "GET /value?key=k", "")
	b.want(d, 200, "", "GET /value?key=absent", "")
	b.want(d, 400, "key must be 1 to 255 bytes of UTF-8, and not a reserved name",
		"POST /incr", "key=_cloakroom")
	if a := b.do(d, "GET /set", ""); a.Status != http.StatusMethodNotAllowed {
		t.Errorf("GET /set: got %d", a.Status)
	}
	a := b.do(d, "GET /", "")
	if a.Status != 200 || !strings.Contains(a.Body, "<html lang=") || a.SetCookie {
		t.Errorf("GET /: got %d, %.40q, a cookie: %v", a.Status, a.Body, a.SetCookie)
	}
	before := b.ticket
	b.want(d, 200, "ok", "POST /login", "user=ada")
	if b.ticket == before || b.ticket == "" {
		t.Error("signing in did not change the ticket")
	}
	b.want(d, 200, "v", "GET /value?key=k", "")
	(&browser{t: t, ticket: before}).want(d, 200, "", "GET /value?key=k", "")
	if !s.Lists {
		b.want(d, 501, "this store cannot list sessions", "GET /sessions", "")
		b.want(d, 501, "this store cannot list sessions", "POST /revoke", "others=1")
	} else {
		b.want(d, 404, "there is no such session of yours", "POST /revoke", "id=unknown")
		other := &browser{t: t}
		other.want(d, 200, "ok", "POST /login", "user=ada")
		b.want(d, 200, "ok", "POST /revoke", "id="+other.currentID(d))
		other.want(d, 401, "signed out", "GET /sessions", "")
		b.currentID(d)
	}
	if a := b.do(d, "POST /logout", ""); a.Body != "ok" || !a.SetCookie || a.Ticket != "" {
		t.Errorf("POST /logout: got %+v", a)
	}
	b.want(d, 200, "no value set", "GET /get", "")
}

// checkIncrements fires 400 increments of one session, 50 at a time, at two processes.
func checkIncrements(t *testing.T, s Store) {
	const total, parallel = 400, 50
	d1, d2 := s.two(t)
	b := &browser{t: t}
	b.want(d1, 200, "value set", "POST /set", "value=v")
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[int]int{}
		jobs = make(chan *Demo)
	)
	for range parallel {
		wg.Go(func() {
			for d := range jobs {
				a, err := Send(d, b.ticket, "POST /incr", "key=n")
				n, _ := strconv.Atoi(a.Body)
				if err != nil || a.Status != 200 || a.SetCookie {
					t.Errorf("POST /incr: %+v, %v", a, err)
				}
				mu.Lock()
				seen[n]++
				mu.Unlock()
			}
		})
	}
	for i := range total {
		jobs <- []*Demo{d1, d2}[i%2]
	}
	close(jobs)
	wg.Wait()
	for n := 1; n <= total; n++ {
		if seen[n] != 1 {
			t.Errorf("%d was answered %d times", n, seen[n])
		}
	}
	b.want(d1, 200, strconv.Itoa(total), "GET /value?key=n", "")
	b.want(d2, 200, strconv.Itoa(total), "GET /value?key=n", "")
}

// checkSlowLosesNothing sets other keys, and the value, while a slow request is under way.
func checkSlowLosesNothing(t *testing.T, s Store) {
	d1, d2 := s.two(t)
	b := &browser{t: t}
	b.want(d1, 200, "value set", "POST /set", "value=before")
	answered := b.slow(d1, 500, "slow", "done")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			form := fmt.Sprintf("ms=0&key=k%d&value=v%d", i, i)
			a, err := Send([]*Demo{d1, d2}[i%2], b.ticket, "POST /slow", form)
			if err != nil || a.Body != "ok" {
				t.Errorf("POST /slow %s: %+v, %v", form, a, err)
			}
		})
	}
	wg.Wait()
	b.want(d2, 200, "value set", "POST /set", "value=after")
	if a := <-answered; a.Body != "ok" {
		t.Errorf("the slow request: %+v", a)
	}
	for _, d := range []*Demo{d1, d2} {
		b.want(d, 200, "done", "GET /value?key=slow", "")
		b.want(d, 200, "after", "GET /get", "")
		for i := range 20 {
			b.want(d, 200, fmt.Sprintf("v%d", i), fmt.Sprintf("GET /value?key=k%d", i), "")
		}
	}
}

// endedBy checks that a slow request has no effect on a session that ended meanwhile.
func endedBy(t *testing.T, d1, d2 *Demo, how string, ticket string, answered <-chan Answer) {
	t.Helper()
	creates := stats(t, d1)["creates"]
	if a := <-answered; a.Status != 200 || a.Body != "ok" || a.SetCookie {
		t.Errorf("the slow request after %s: %+v, want ok without a cookie", how, a)
	}
	if stats(t, d1)["creates"] != creates {
		t.Errorf("the slow request after %s created a record", how)
	}
	old := &browser{t: t, ticket: ticket}
	for _, d := range []*Demo{d1, d2} {
		old.want(d, 401, "signed out", "GET /sessions", "")
		old.want(d, 200, "no value set", "GET /get", "")
		old.want(d, 200, "", "GET /value?key=slow", "")
	}
}

func checkSlowLogout(t *testing.T, s Store) {
	d1, d2 := s.two(t)
	for _, d := range []*Demo{d1, d2} { // signed out by the same process, and by the other
		b := &browser{t: t}
		b.want(d1, 200, "value set", "POST /set", "value=v")
		b.want(d1, 200, "ok", "POST /login", "user=ada")
		ticket := b.ticket
		answered := b.slow(d1, 300, "slow", "back")
		b.want(d, 200, "ok", "POST /logout", "")
		endedBy(t, d1, d2, "a sign-out", ticket, answered)
	}
}

func checkSlowRevoke(t *testing.T, s Store) {
	d1, d2 := s.two(t)
	for _, d := range []*Demo{d1, d2} {
		for _, form := range []string{"id=", "others=1", "all=1"} {
			revoker, b := &browser{t: t}, &browser{t: t}
			revoker.want(d, 200, "ok", "POST /login", "user=ada")
			b.want(d1, 200, "value set", "POST /set", "value=v")
			b.want(d1, 200, "ok", "POST /login", "user=ada")
			what := form
			if form == "id=" {
				form += b.currentID(d1)
			}
			answered := b.slow(d1, 300, "slow", "back")
			revoker.want(d, 200, "ok", "POST /revoke", form)
			endedBy(t, d1, d2, "a revocation by "+what, b.ticket, answered)
			if form == "all=1" {
				revoker.want(d, 401, "signed out", "GET /sessions", "")
			} else {
				revoker.currentID(d)
			}
		}
	}
}

func checkSlowLogin(t *testing.T, s Store) {
	d1, d2 := s.two(t)
	for _, d := range []*Demo{d1, d2} {
		b := &browser{t: t}
		b.want(d1, 200, "value set", "POST /set", "value=v")
		old := b.ticket
		answered := b.slow(d1, 300, "slow", "back")
		b.want(d, 200, "ok", "POST /login", "user=ada")
		if b.ticket == old {
			t.Error("signing in did not change the ticket")
		}
		endedBy(t, d1, d2, "a sign-in", old, answered)
		for _, d := range []*Demo{d1, d2} {
			b.want(d, 200, "v", "GET /get", "")
			if a := b.do(d, "GET /sessions", ""); a.Status == http.StatusUnauthorized {
				t.Error("the slow request signed the browser out")
			}
		}
	}
}
