package cloakroomtest

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Store keeps sessions in memory, counts the calls that it gets, and has the clock that they
// expire by. It has every ability of a store, nothing in the background and nothing to close. Each
// test makes one, and tests may run in parallel.
//
// An application that takes a store is given this one, with Options.Now set to [Store.Now]. For one
// that takes a manager, [Store.Manager] makes it.
type Store struct {
	*countstore.Store
	ahead atomic.Int64 // of time.Now, in nanoseconds
}

// NewStore returns an empty store, whose clock is time.Now until [Store.Advance] moves it.
func NewStore() *Store {
	s := new(Store)
	memory, err := memstore.New(memstore.Options{Now: s.Now, SweepEvery: -1})
	if err != nil {
		panic(err) // these options are in order
	}
	s.Store = countstore.New(memory)
	return s
}

// Now is the clock: time.Now, and what [Store.Advance] has added.
func (s *Store) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// Advance moves the clock forward: past an idle timeout, for example. Use is noted once per tenth
// of the idle timeout, see Options.Idle. In a bubble of testing/synctest, time.Sleep moves the
// clock as well.
func (s *Store) Advance(d time.Duration) { s.ahead.Add(int64(d)) }

// Manager returns a manager of the store with the application's options. In place of Options.Now
// it has the store's clock, and without a Logger it logs to the test, so stop servers before that
// ends. A second manager of one store is what another process has. If the options are
// inconsistent, the test ends.
func (s *Store) Manager(t testing.TB, options cloakroom.Options) *cloakroom.Manager {
	t.Helper()
	options.Now = s.Now
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	m, err := cloakroom.New(s, options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// NoCalls fails the test if the store gets a call while f runs: for pages that must cost none.
func (s *Store) NoCalls(t testing.TB, f func()) {
	t.Helper()
	before := s.Stats()
	f()
	if after := s.Stats(); after != before {
		t.Errorf("cloakroomtest: the store got calls, and should have got none: %s",
			difference(before, after))
	}
}

// difference names the counts that differ, such as "Loads 1, Touches 1".
func difference(before, after countstore.Stats) string {
	var all []string
	a, b := reflect.ValueOf(after), reflect.ValueOf(before)
	for i := range a.NumField() {
		if n := a.Field(i).Int() - b.Field(i).Int(); n != 0 {
			all = append(all, fmt.Sprintf("%s %d", a.Type().Field(i).Name, n))
		}
	}
	return strings.Join(all, ", ")
}
