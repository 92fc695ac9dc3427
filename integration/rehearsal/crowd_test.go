package rehearsal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// crowd are the visitors of a shop, all at once.
type crowd struct {
	seed      uint64
	patience  time.Duration
	transport *http.Transport
	visitors  []*visitor
	stale500  bool // Flask answers 500 to a cookie that it does not know, as with DynamoDB

	mu     sync.Mutex
	n      int            // steps so far
	by     map[string]int // requests, by path and side
	goOnly map[string]bool
	failed string // what the first visitor to fail found instead
	stop   bool

	running sync.WaitGroup
}

func newCrowd(size int, base *url.URL) *crowd {
	c := &crowd{
		seed: 1, patience: servers.Patience, by: map[string]int{}, goOnly: map[string]bool{},
		// A new connection for each request, so that none is used that nginx has just
		// closed.
		transport: &http.Transport{DisableKeepAlives: true},
	}
	for i := range size {
		c.visitors = append(c.visitors, newVisitor(c, i+1, base))
	}
	return c
}

// begin lets the visitors go on until pause, each one step after the other.
func (c *crowd) begin() {
	c.stop = false
	for _, v := range c.visitors {
		c.running.Go(func() {
			for c.goesOn() {
				if err := v.step(); err != nil {
					c.fail(v, err)
				}
			}
		})
	}
}

func (c *crowd) goesOn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return !c.stop && c.failed == ""
}

func (c *crowd) fail(v *visitor, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == "" {
		c.failed = fmt.Sprintf("%s: %v\n\t%s", v.name, err, strings.Join(v.trail, "\n\t"))
	}
}

// pause waits until every visitor has the response to its latest request.
func (c *crowd) pause(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	c.stop = true
	c.mu.Unlock()
	c.running.Wait()
	c.check(t)
}

// check ends the test if a visitor has not found what it expected.
func (c *crowd) check(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != "" {
		t.Fatal(c.failed)
	}
}

// each calls f for every visitor while all of them pause.
func (c *crowd) each(t *testing.T, f func(*visitor) error) {
	t.Helper()
	for _, v := range c.visitors {
		if err := f(v); err != nil {
			c.fail(v, err)
			break
		}
	}
	c.check(t)
}

// goesOnFor waits until the visitors have done so many more steps and is returns true, or
// a visitor has failed. It calls is with the crowd locked.
func (c *crowd) goesOnFor(t *testing.T, steps int, what string, is func() bool) {
	t.Helper()
	c.mu.Lock()
	end := c.n + steps
	c.mu.Unlock()
	servers.Until(t, what, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed == "" && (c.n < end || !is()) {
			return fmt.Errorf("%d steps, of %d, served %v", c.n, end, c.by)
		}
		return nil
	})
}

// served counts a response of a side.
func (c *crowd) served(path, side string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by[side+" "+path]++
}

// times returns how often a side has answered a path.
func (c *crowd) times(side, path string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[side+" "+path]
}

// moves notes that from now on only Go answers a path.
func (c *crowd) moves(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goOnly[path] = true
}

// moved reports whether only Go answers these paths.
func (c *crowd) moved(paths ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, path := range paths {
		if !c.goOnly[path] {
			return false
		}
	}
	return true
}

// excused reports whether a response is a known defect of Flask, which signs no visitor
// in.
func (c *crowd) excused(former bool, status int, side string) bool {
	return c.stale500 && former && status == http.StatusInternalServerError && side != "Go"
}

var errSigned = errors.New("the cookie is signed")
