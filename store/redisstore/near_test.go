package redisstore

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
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

// TestNearCacheCounts: what the mirror answers is a hit, and what the server is asked for is none.
// Hits of the client's cache need a server: see integration/redis.
func TestNearCacheCounts(t *testing.T) {
	s, _ := newFakeStore(t, Options{NearCache: time.Minute}, func([]string) string { return answerNull })
	s.mirror = newMirror(s.prefix)
	_, seq, _ := s.mirror.get("a")
	s.mirror.put("a", seq, store.Record{Version: "v"}, time.Now().Add(time.Hour).UnixMilli())
	for range 2 {
		if _, err := s.Load(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Load(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if hits, misses := s.NearCache(); hits != 2 || misses != 1 {
		t.Errorf("%d hits and %d misses, want 2 and 1", hits, misses)
	}
}
