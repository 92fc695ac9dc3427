package redisstore

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRecentWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecentWrites()
		bypassed := func(id string) bool {
			_, _, bypass := w.bypassed(id)
			return bypass
		}
		if bypassed("a") {
			t.Error("a read bypasses the cache without a write")
		}
		end := w.begin("a")
		early, before, _ := w.bypassed("a")
		end()
		early() // began before the write ended, so it says nothing
		if !bypassed("a") {
			t.Error("a read that began before the end of the write ended the bypass")
		}
		late, after, _ := w.bypassed("a")
		if before == after {
			t.Error("reads before and after the end of a write ask the same question")
		}
		late()
		if bypassed("a") {
			t.Error("a read that began after the write does not end the bypass")
		}

		w.begin("b")()
		time.Sleep(recentFor + 1)
		if bypassed("b") {
			t.Error("the bypass does not end by itself")
		}

		// Two ids in one place: neither speaks for the other.
		p, h := w.place("c")
		endC := w.begin("c")
		p.mu.Lock()
		p.id, p.several = h+1, true // as another id would leave it
		p.mu.Unlock()
		endC()
		answered, _, _ := w.bypassed("c")
		answered()
		if !bypassed("c") {
			t.Error("a read of one of two ids ended the bypass for both")
		}
	})
}
