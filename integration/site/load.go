package site

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// visitor is a client that asks again and again.
type visitor struct {
	name, cookie string
	stored       atomic.Int64 // requests that were answered with success
	refused      atomic.Int64 // requests that were answered with 503
	highest      atomic.Int64 // the highest count that was answered
	slowest      atomic.Int64 // the longest time that an answer took, in nanoseconds
}

// ask adds one, and checks that the answer is the visitor's own or a clean 503.
func (v *visitor) ask(t testing.TB, s *Site, clock *servers.Clock) {
	begin := clock.Now()
	resp := s.Ask("/add", v.cookie)
	body := bodyOf(resp)
	// one of two at once may be missed
	v.slowest.Store(max(v.slowest.Load(), int64(clock.Now()-begin)))
	if c := resp.Header["Set-Cookie"]; c != nil {
		t.Errorf("%s: with a cookie", resp.Status)
	}
	who, number, _ := strings.Cut(body, " ")
	switch resp.StatusCode {
	case http.StatusServiceUnavailable:
		v.refused.Add(1)
	case http.StatusOK:
		if who != v.name {
			t.Errorf("%s got the session of %q", v.name, who)
		}
		got, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Errorf("%s got %q", v.name, body)
		}
		v.stored.Add(1)
		for h := v.highest.Load(); got > h; h = v.highest.Load() {
			if v.highest.CompareAndSwap(h, got) {
				break
			}
		}
	default:
		t.Errorf("%s: %q", resp.Status, body)
	}
}

// bodyOf returns the text of an answer, without the newline at its end.
func bodyOf(resp *http.Response) string {
	defer resp.Body.Close() //nolint:errcheck // it is in memory
	text, _ := io.ReadAll(resp.Body)
	return strings.TrimSpace(string(text))
}

// Load is visitors at work.
type Load struct {
	t        testing.TB
	site     *Site
	visitors []*visitor
	clock    *servers.Clock
	stopped  atomic.Bool
	wg       sync.WaitGroup
}

// StartLoad starts n visitors, each asking from two goroutines.
func StartLoad(t testing.TB, s *Site, n int) *Load {
	t.Helper()
	l := &Load{t: t, site: s, clock: servers.StartClock(t)}
	for i := range n {
		who := "visitor-" + strconv.Itoa(i)
		l.visitors = append(l.visitors, &visitor{name: who, cookie: s.Start(t, who)})
	}
	for _, v := range l.visitors {
		for range 2 {
			l.wg.Go(func() {
				for !l.stopped.Load() {
					v.ask(t, s, l.clock)
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	t.Cleanup(l.stop)
	return l
}

func (l *Load) stop() {
	l.stopped.Store(true)
	l.wg.Wait()
}

// Served waits until every visitor got so many more successful responses.
func (l *Load) Served(more int64) {
	l.t.Helper()
	for _, v := range l.visitors {
		from := v.stored.Load()
		servers.Until(l.t, v.name+" is served", func() error {
			if got := v.stored.Load() - from; got < more {
				return fmt.Errorf("%d times of %d", got, more)
			}
			return nil
		})
	}
}

// Refused waits until a visitor got another 503, or, if all is set, each of them did.
func (l *Load) Refused(all bool) {
	l.t.Helper()
	before := make([]int64, len(l.visitors))
	for i, v := range l.visitors {
		before[i] = v.refused.Load()
	}
	servers.Until(l.t, "requests are refused", func() error {
		n := 0
		for i, v := range l.visitors {
			if v.refused.Load() > before[i] {
				n++
			}
		}
		if n == 0 || all && n < len(l.visitors) {
			return fmt.Errorf("%d of %d", n, len(l.visitors))
		}
		return nil
	})
}

// Refusals returns the number of requests that got a 503 so far.
func (l *Load) Refusals() int64 {
	var n int64
	for _, v := range l.visitors {
		n += v.refused.Load()
	}
	return n
}

// Check stops the visitors, checks that all were answered in time, and returns how many
// acknowledged changes are lost. A refused change may be stored.
func (l *Load) Check() int64 {
	l.t.Helper()
	l.stop()
	var lost, sum, refused int64
	for _, v := range l.visitors {
		if took := time.Duration(v.slowest.Load()); took > servers.AnswerLimit {
			l.t.Errorf("an answer to %s took %v, the limit is %v", v.name, took, servers.AnswerLimit)
		}
		var resp *http.Response
		var body string
		servers.Until(l.t, v.name+" has an answer", func() error { // a busy machine takes its time
			resp = l.site.Ask("/get", v.cookie) //nolint:bodyclose // bodyOf does
			body = bodyOf(resp)
			if resp.StatusCode == http.StatusServiceUnavailable {
				return errors.New(resp.Status)
			}
			return nil
		})
		who, number, _ := strings.Cut(body, " ")
		got, err := strconv.ParseInt(number, 10, 64)
		if got < v.stored.Load() { // a second look tells a loss from a read that came too early
			l.t.Logf("%s has %q, and in a second look %q", v.name, body, l.look(v))
		}
		if who != v.name || err != nil || resp.StatusCode != http.StatusOK {
			l.t.Errorf("%s has %s %q", v.name, resp.Status, body)
			continue
		}
		stored, maybe := v.stored.Load(), v.refused.Load()
		if got > stored+maybe {
			l.t.Errorf("%s has %d, more than the %d stored and the %d refused",
				v.name, got, stored, maybe)
		}
		lost += max(0, stored-got, v.highest.Load()-got)
		sum, refused = sum+stored, refused+maybe
	}
	l.t.Logf("%d changes were acknowledged, %d refused, %d lost", sum, refused, lost)
	return lost
}

// look returns what a visitor has now.
func (l *Load) look(v *visitor) string {
	return bodyOf(l.site.Ask("/get", v.cookie)) //nolint:bodyclose // bodyOf does
}
