package cloakroom_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// lives follows sessions by what is told of them, from ticket to ticket.
type lives struct {
	t *testing.T

	mu     sync.Mutex
	first  map[string]string // by public ID: the one that its session began with
	ended  map[string]int    // by that one: how often its end was told
	acked  map[string]bool   // by public ID: the store has acknowledged the end of the record
	events int
}

func newLives(t *testing.T) *lives {
	return &lives{t: t, first: map[string]string{}, ended: map[string]int{}, acked: map[string]bool{}}
}

// hear takes in an event. Those of one session may come in another order than they happened in: a
// session may be ended before its sign-in has told of it.
func (l *lives) hear(_ context.Context, e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case event.Created:
		if _, known := l.first[e.Session]; !known {
			l.first[e.Session] = ""
		}
	case event.SignedIn, event.Renewed:
		if e.Former != "" {
			l.first[e.Session] = e.Former
		}
	case event.Ended:
		l.events++
		l.ended[e.Session]++
		if !l.acked[e.Session] {
			l.t.Errorf("an end was told that the store has not acknowledged: %v", e.Reason)
		}
	}
}

// watched is a store that notes when a record is deleted or replaced by a seal that names no other.
type watched struct {
	store.FullStore
	lives *lives
}

func (w watched) note(id string) {
	w.lives.mu.Lock()
	defer w.lives.mu.Unlock()
	w.lives.acked[ticket.PublicID(id)] = true
}

func (w watched) Delete(ctx context.Context, id string, r store.Record) error {
	err := w.FullStore.Delete(ctx, id, r)
	if err == nil {
		w.note(id)
	}
	return err
}

func (w watched) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	v, err := w.FullStore.Replace(ctx, id, old, next)
	if err == nil {
		w.note(id) // of an end or of a change: both are over
	}
	return v, err
}

// TestP3EachEndIsToldOnce: of sessions that several requests sign in, renew, sign out and revoke at
// once, each that is gone in the end was told to have ended once, when the store had acknowledged
// it, and none that lives. On two managers, as of two processes, and on one whose store loses
// answers.
func TestP3EachEndIsToldOnce(t *testing.T) {
	sessions := 75_000
	if testing.Short() {
		sessions = 1_000
	}
	for name, faults := range map[string]bool{"two managers": false, "lost answers": true} {
		t.Run(name, func(t *testing.T) {
			l := newLives(t)
			mem, err := memstore.New(memstore.Options{SweepEvery: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer mem.Close()
			var st store.Store = watched{mem, l}
			if faults {
				st = losing(st)
			}
			var managers []*cloakroom.Manager
			for range 2 {
				m, err := cloakroom.New(st, cloakroom.Options{
					Events: l.hear, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				managers = append(managers, m)
			}
			if faults {
				managers[1] = managers[0] // another process could not know what came of a lost answer
			}
			next := make(chan int)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for n := range next {
						liveAndEnd(t, managers, strconv.Itoa(n))
					}
				})
			}
			for n := range sessions {
				next <- n
			}
			close(next)
			all.Wait()
			l.check(managers[0])
		})
	}
}

// losing is a store whose deletions fail half of the time, or seem to.
func losing(st store.Store) store.Store {
	f := storetest.NewFaulty(st)
	f.Decide = func(op storetest.Op, _ string) storetest.Fault {
		switch {
		case op == storetest.OpDelete && rand.IntN(2) == 0:
			return storetest.Lost()
		case op == storetest.OpDelete && rand.IntN(2) == 0:
			return storetest.Failed()
		}
		return storetest.Fault{}
	}
	return f
}

// liveAndEnd begins a session, and lets several requests use and end it at once.
func liveAndEnd(t *testing.T, managers []*cloakroom.Manager, owner string) {
	ctx := t.Context()
	s := managers[0].Open(ctx, "")
	defer s.Close()
	name.Set(s, "v")
	if err := s.Save(); err != nil {
		t.Error(err)
		return
	}
	cookie := s.Cookie().Value
	if rand.IntN(4) > 0 {
		if err := s.Login(owner); err != nil || s.Save() != nil {
			t.Error(err)
			return
		}
		cookie = s.Cookie().Value
	}
	acts := []func(m *cloakroom.Manager, s *cloakroom.Session) error{
		func(_ *cloakroom.Manager, s *cloakroom.Session) error { return s.Logout() },
		func(_ *cloakroom.Manager, s *cloakroom.Session) error { return s.Renew() },
		func(_ *cloakroom.Manager, s *cloakroom.Session) error { name.Set(s, "w"); return nil },
		func(m *cloakroom.Manager, _ *cloakroom.Session) error {
			_, err := m.RevokeOwned(ctx, owner)
			return err
		},
	}
	var all sync.WaitGroup
	for i := range 3 {
		act := acts[rand.IntN(len(acts))]
		all.Go(func() {
			m := managers[i%2]
			s := m.Open(ctx, cookie)
			defer s.Close()
			if err := s.Load(); err != nil {
				t.Error(err)
			}
			if err := act(m, s); err == nil {
				_ = s.Save() // it may have ended by then
			}
		})
	}
	all.Wait()
}

// check compares what was told with what lives.
func (l *lives) check(m *cloakroom.Manager) {
	l.t.Helper()
	living := map[string]bool{}
	for info, err := range m.All(l.t.Context()) {
		if err != nil {
			l.t.Fatal(err)
		}
		living[l.origin(info.ID)] = true
	}
	ends := map[string]int{}
	for id, n := range l.ended {
		ends[l.origin(id)] += n
	}
	for id, n := range ends {
		if n != 1 || living[id] {
			l.t.Errorf("the end of one session was told %d times; it lives: %v", n, living[id])
		}
	}
	begun := map[string]bool{}
	for id := range l.first {
		begun[l.origin(id)] = true
	}
	for id := range begun {
		if !living[id] && ends[id] == 0 {
			l.t.Error("a session has ended, and that was not told")
		}
	}
	l.t.Logf("%d ends were told, and %d sessions live", l.events, len(living))
	if l.events == 0 || len(living) == 0 {
		l.t.Error("too little has happened")
	}
}

// origin returns the public ID that a session began with.
func (l *lives) origin(id string) string {
	for l.first[id] != "" {
		id = l.first[id]
	}
	return id
}
