package demotest

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// checkSignals stops demos while a slow request is under way, which must not hold them
// up.
func checkSignals(t *testing.T, s Store) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		d := s.one(t)
		b := &browser{t: t}
		b.want(d, 200, "value set", "POST /set", "value=v")
		answered := b.slow(d, 60_000, "slow", "done")
		if err := d.end(t, sig); err != nil {
			t.Errorf("%v: the demo ended with %v; its log:\n%s", sig, err, d.Log())
		}
		if a := <-answered; a.Status != 503 {
			t.Errorf("%v: the slow request was answered %+v, want 503", sig, a)
		}
	}
}

func checkRestart(t *testing.T, s Store) {
	url := s.URL(t)
	d := s.start(t, url)
	b := &browser{t: t}
	b.want(d, 200, "1", "POST /incr", "key=n")
	b.want(d, 200, "ok", "POST /login", "user=ada")
	b.want(d, 200, "value set", "POST /set", "value=still+here")
	gone := &browser{t: t}
	gone.want(d, 200, "ok", "POST /login", "user=ada")
	ticket := gone.ticket
	gone.want(d, 200, "ok", "POST /logout", "")
	d.Stop(t)

	d = s.start(t, url)
	b.want(d, 200, "still here", "GET /get", "")
	b.want(d, 200, "2", "POST /incr", "key=n")
	if a := b.do(d, "GET /sessions", ""); a.Status == 401 {
		t.Error("the restart signed the user out")
	}
	(&browser{t: t, ticket: ticket}).want(d, 401, "signed out", "GET /sessions", "")
}

// writer writes to a session of its own, one number after the other, until the demo dies.
type writer struct {
	ticket  string
	value   int // the latest number that was answered
	counter int
}

func (w *writer) run(t *testing.T, d *Demo, writes int, answered func()) {
	for n := 1; n <= writes; n++ {
		a, err := Send(d, w.ticket, "POST /set", "value="+strconv.Itoa(n))
		if err != nil {
			return
		}
		if a.Status != 200 {
			t.Errorf("POST /set: %+v", a)
			return
		}
		w.value = n
		if a.SetCookie {
			w.ticket = a.Ticket
		}
		answered()
		if a, err = Send(d, w.ticket, "POST /incr", "key=n"); err != nil {
			return
		}
		if a.Status != 200 || a.Body != strconv.Itoa(n) {
			t.Errorf("POST /incr: %+v, want %d", a, n)
			return
		}
		w.counter = n
		answered()
	}
}

// checkKill kills a demo in the middle of a thousand writes and looks for each that was
// answered.
func checkKill(t *testing.T, s Store) {
	const writers, writes, killAfter = 10, 50, 400 // two writes each
	url := s.URL(t)
	d := s.start(t, url)
	var (
		all    [writers]writer
		done   atomic.Int64
		enough = make(chan struct{})
		wg     sync.WaitGroup
	)
	for i := range all {
		wg.Go(func() {
			all[i].run(t, d, writes, func() {
				if done.Add(1) == killAfter {
					close(enough)
				}
			})
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	select {
	case <-enough:
	case <-ended:
		t.Error("the writers ended early")
	}
	d.Kill(t)
	<-ended
	t.Logf("killed after %d of %d writes were answered", done.Load(), 2*writers*writes)

	d = s.start(t, url)
	for _, w := range all {
		if w.ticket == "" {
			continue // its first write was not answered
		}
		b := &browser{t: t, ticket: w.ticket}
		answers := map[string]int{"GET /get": w.value, "GET /value?key=n": w.counter}
		for request, answered := range answers {
			got := b.do(d, request, "").Body
			n, _ := strconv.Atoi(got)
			// the next number may have been stored without an answer
			if n != answered && n != answered+1 {
				t.Errorf("%s: got %q, and %d was answered", request, got, answered)
			}
		}
		b.want(d, 200, strconv.Itoa(b.count(d)+1), "POST /incr", "key=n")
	}
	log := d.Log()
	if strings.Contains(log, "cannot be read") || strings.Contains(log, "reads as no session") {
		t.Errorf("a record was damaged:\n%s", log)
	}
	if !s.Lists {
		return
	}
	out, errs, code := Run(t, "list", url)
	if code != 0 || errs != "" || strings.Count(out, "\n") <= 1 {
		t.Errorf("list: exit %d, stdout %q, stderr %q", code, out, errs)
	}
}

func (b *browser) count(d *Demo) int {
	b.t.Helper()
	n, _ := strconv.Atoi(b.do(d, "GET /value?key=n", "").Body)
	return n
}

func checkCommands(t *testing.T, s Store) {
	url := s.URL(t)
	d := s.start(t, url)
	var ada [3]browser
	for i := range ada {
		ada[i].t = t
		ada[i].want(d, 200, "ok", "POST /login", "user=ada")
	}
	bob := &browser{t: t}
	bob.want(d, 200, "ok", "POST /login", "user=bob")

	want := func(stdout string, args ...string) {
		t.Helper()
		if out, errs, code := Run(t, args...); code != 0 || errs != "" || out != stdout {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
	out, errs, code := Run(t, "list", url, "--owner", "ada")
	row := regexp.MustCompile(`(?m)^[\w-]{22}\tada\t\S+\t\S+\t127\.0\.0\.1\tGo-http-client/1\.1$`)
	rows := row.FindAllString(out, -1)
	if code != 0 || errs != "" || len(rows) != 3 || strings.Count(out, "\n") != 4 {
		t.Errorf("list --owner: exit %d, stdout %q, stderr %q", code, out, errs)
	}
	all, _, _ := Run(t, "list", url)
	if strings.Count(all, "\n") != 5 || !strings.Contains(all, bob.currentID(d)+"\tbob\t") {
		t.Errorf("list: %q", all)
	}
	for _, b := range []*browser{&ada[0], &ada[1], &ada[2], bob} {
		if strings.Contains(out, b.ticket) {
			t.Error("list shows a ticket")
		}
	}
	want("1 session ended\n", "revoke", url, "--owner", "ada", "--id", ada[0].currentID(d))
	ada[0].want(d, 401, "signed out", "GET /sessions", "")
	want("2 sessions ended\n", "revoke", url, "--owner", "ada")
	for i := range ada {
		ada[i].want(d, 401, "signed out", "GET /sessions", "")
	}
	_, errs, code = Run(t, "revoke", url, "--owner", "bob", "--id", "unknown")
	if code != 1 || errs != "cloakroom revoke: owner \"bob\" has no session \"unknown\"\n" {
		t.Errorf("revoke of an unknown ID: exit %d, stderr %q", code, errs)
	}
	bob.currentID(d)
	out, errs, code = Run(t, "sweep", url)
	if code != 0 || errs != "" || !strings.HasSuffix(out, " removed\n") {
		t.Errorf("sweep: exit %d, stdout %q, stderr %q", code, out, errs)
	}
	bob.currentID(d)
}
