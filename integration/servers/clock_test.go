package servers

import (
	"errors"
	"testing"
	"time"
)

// A clock goes, and is never fast.
func TestClock(t *testing.T) {
	begin := time.Now()
	c := StartClock(t)
	Until(t, "the clock has gone on", func() error {
		if c.Now() < 5*nap {
			return errors.New("it has not")
		}
		return nil
	})
	if now, since := c.Now(), time.Since(begin); now > since {
		t.Errorf("the clock shows %v after %v", now, since)
	}
}
