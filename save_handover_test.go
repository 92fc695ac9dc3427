package cloakroom_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestHandedOverRecord: the record that a commit hands to the next in line is not taken
// for newer than what that one loaded after it was stored, but before its answer came.
func TestHandedOverRecord(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	other := s.manager(cloakroom.Options{})
	b := s.browser()
	b.set(a, "1")
	applied, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	s.store.intercept(func(op, id string, do func() error) error {
		if op == "replace" && first.CompareAndSwap(false, true) {
			err := do()
			close(applied) // in the store, and its answer takes long
			<-goOn
			return err
		}
		return do()
	})
	const k = cloakroom.Key[string]("k")
	one := make(chan struct{})
	go func() { defer close(one); b.other().set(a, "2") }() // node 1: applied, not yet answered
	<-applied
	b2 := b.other()
	b2.m = other
	b2.set(k, "there") // node 2: acknowledged
	two := b.other().begin(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if k.Get(s) != "there" {
			t.Error("not loaded")
		}
	}, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		k.Delete(s)
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	done := make(chan struct{})
	go func() { defer close(done); two() }()
	time.Sleep(50 * time.Millisecond) // it waits in the queue
	close(goOn)
	<-one
	<-done
	if got := b.value(k); got != "" {
		t.Errorf("after the deletion was acknowledged: %q", got)
	}
}

// TestHandedOverValues: what a commit hands over stays as it is when the memory of its
// request is used again.
func TestHandedOverValues(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 20 * time.Second})
	tab := s.browser()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { count.Set(s, 1) })
	others := s.browser()
	others.set(a, "another's")
	writing, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	s.store.intercept(func(op, _ string, do func() error) error {
		if op == "replace" && first.CompareAndSwap(false, true) {
			close(writing)
			<-goOn
		}
		return do()
	})
	one := make(chan struct{})
	calls := 0
	two := tab.other().begin(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		b.Get(s)
	}, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		b.Update(s, func(string) string {
			if calls++; calls == 2 { // on what the first one has committed
				<-one
				for range 10 {
					others.value(a)
				}
			}
			return "2"
		})
	})
	go func() {
		defer close(one)
		// as it was
		tab.other().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { count.Set(s, 1) })
	}()
	<-writing
	done := make(chan struct{})
	go func() { defer close(done); two() }()
	time.Sleep(50 * time.Millisecond) // it waits in the queue
	close(goOn)
	<-done
	if tab.count() != 1 || tab.value(b) != "2" || calls < 2 {
		t.Errorf("count=%d, b=%q after %d calls", tab.count(), tab.value(b), calls)
	}
}
