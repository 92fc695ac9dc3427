package servers

import (
	"sync/atomic"
	"testing"
	"time"
)

// nap is the step of a [Clock].
const nap = 20 * time.Millisecond

// AnswerLimit is how soon every request is answered, with 503 at worst, by [Clock]: a load and a
// commit may take a second and a half each, and both do where the server is slow, and a little more.
const AnswerLimit = 3500 * time.Millisecond

// Clock measures time by the naps that this process had: where the machine is too busy to run the
// process, or wakes it late, the clock is slow too. It shows that a limit is kept, on any machine.
type Clock struct {
	naps atomic.Int64
}

// StartClock starts a clock, which stops when the test ends.
func StartClock(t testing.TB) *Clock {
	c := new(Clock)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(nap):
				c.naps.Add(1)
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	return c
}

// Now is the time since the clock was started, in steps of 20 milliseconds.
func (c *Clock) Now() time.Duration { return time.Duration(c.naps.Load()) * nap }
