package cloakroom

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// arrow is one way from phase to phase: what is stored before, and what a session and
// other requests of it then do.
type arrow struct {
	stored string // "", "anonymous", "owned", "sealed" or "unreadable"
	do     func(t *testing.T, p *phases)
	want   phase
}

// phases is a session, opened by the ticket of what was stored, and a way to disturb it.
type phases struct {
	m      *Manager
	mem    *memstore.Store
	ticket string
	s      *Session
}

const phaseKey = Key[string]("k")

// other opens the same ticket as another request would.
func (p *phases) other(t *testing.T) *Session {
	t.Helper()
	s := p.m.Open(t.Context(), p.ticket)
	t.Cleanup(s.Close)
	return s
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestPhases: each arrow of the drawing in docs/concurrency.md, by its name.
func TestPhases(t *testing.T) {
	set := func(s *Session) { phaseKey.Set(s, "new") }
	endElsewhere := func(t *testing.T, p *phases) {
		must(t, p.s.Load(), p.other(t).Logout())
	}
	for name, a := range map[string]arrow{
		"unloaded":              {"anonymous", func(*testing.T, *phases) {}, unloaded},
		"unloaded → fresh":      {"", func(t *testing.T, p *phases) { must(t, p.s.Load()) }, fresh},
		"unloaded → live":       {"anonymous", func(t *testing.T, p *phases) { must(t, p.s.Load()) }, live},
		"unloaded → sealed":     {"sealed", func(t *testing.T, p *phases) { must(t, p.s.Load()) }, sealed},
		"unloaded → unreadable": {"unreadable", func(t *testing.T, p *phases) { must(t, p.s.Load()) }, unreadable},
		"fresh → live": {"", func(t *testing.T, p *phases) {
			set(p.s)
			must(t, p.s.Save())
		}, live},
		"live → fresh, by Logout": {"owned", func(t *testing.T, p *phases) { must(t, p.s.Logout()) }, fresh},
		"live → ended": {"anonymous", func(t *testing.T, p *phases) {
			endElsewhere(t, p)
			set(p.s)
			if err := p.s.Save(); !errors.Is(err, ErrEnded) {
				t.Error(err)
			}
		}, ended},
		"live → endedOwned": {"owned", func(t *testing.T, p *phases) {
			endElsewhere(t, p)
			if err := p.s.Reload(); !errors.Is(err, ErrEnded) {
				t.Error(err)
			}
		}, endedOwned},
		"live → unreadable": {"anonymous", func(t *testing.T, p *phases) {
			must(t, p.s.Load())
			p.damage(t)
			if err := p.s.Reload(); !errors.Is(err, ErrUnreadable) {
				t.Error(err)
			}
		}, unreadable},
		"live → endedOwned, by damage": {"owned", func(t *testing.T, p *phases) {
			must(t, p.s.Load())
			p.damage(t)
			phaseKey.Set(p.s, "new")
			if err := p.s.Save(); !errors.Is(err, ErrUnreadable) {
				t.Error(err)
			}
			must(t, p.s.Login("bob"))
			if err := p.s.Save(); !errors.Is(err, ErrEnded) {
				t.Error(err)
			}
		}, endedOwned},
		"live → live, under a new ticket": {"anonymous", func(t *testing.T, p *phases) {
			must(t, p.s.Login("ada"), p.s.Save())
		}, live},
		"sealed → live, by a sign-in": {"sealed", func(t *testing.T, p *phases) {
			must(t, p.s.Login("ada"), p.s.Save())
		}, live},
		"unreadable → live, by a sign-in": {"unreadable", func(t *testing.T, p *phases) {
			must(t, p.s.Login("ada"), p.s.Save())
		}, live},
		"unreadable → fresh, by Clear": {"unreadable", func(t *testing.T, p *phases) {
			p.s.Clear()
			must(t, p.s.Save())
		}, fresh},
		"ended → live, by a sign-in": {"anonymous", func(t *testing.T, p *phases) {
			endElsewhere(t, p)
			must(t, p.s.Login("ada"), p.s.Save())
		}, live},
		"endedOwned: a sign-in fails": {"owned", func(t *testing.T, p *phases) {
			endElsewhere(t, p)
			must(t, p.s.Login("ada"))
			if err := p.s.Save(); !errors.Is(err, ErrEnded) {
				t.Error(err)
			}
		}, endedOwned},
		"sealed → fresh, by Logout": {"sealed", func(t *testing.T, p *phases) { must(t, p.s.Logout()) }, fresh},
		"any → finished": {"anonymous", func(t *testing.T, p *phases) {
			must(t, p.s.Load())
			p.s.Close()
			if err := p.s.Save(); !errors.Is(err, ErrFinished) {
				t.Error(err)
			}
		}, finished},
		"finished stays": {"", func(t *testing.T, p *phases) {
			p.s.Close()
			p.s.enter(live)
		}, finished},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPhases(t, a.stored)
			a.do(t, p)
			if p.s.phase != a.want {
				t.Errorf("phase %d, want %d", p.s.phase, a.want)
			}
		})
	}
}

// newPhases stores a session, as it is asked for, and opens it.
func newPhases(t *testing.T, stored string) *phases {
	t.Helper()
	mem, err := memstore.New(memstore.Options{SweepEvery: -1})
	must(t, err)
	t.Cleanup(func() { must(t, mem.Close()) })
	m, err := New(mem, Options{InsecureCookie: true})
	must(t, err)
	p := &phases{m: m, mem: mem}
	if stored != "" {
		s := m.Open(t.Context(), "")
		phaseKey.Set(s, "old")
		if stored == "owned" {
			must(t, s.Login("ada"))
		}
		must(t, s.Save())
		p.ticket = s.Cookie().Value
		if stored == "sealed" {
			must(t, s.Renew(), s.Save())
		}
		s.Close()
	}
	if stored == "unreadable" {
		p.damage(t)
	}
	p.s = m.Open(t.Context(), p.ticket)
	t.Cleanup(p.s.Close)
	return p
}

// damage makes the record one that cannot be read.
func (p *phases) damage(t *testing.T) {
	t.Helper()
	ctx, id := context.Background(), p.m.policy.ID(p.ticket)
	old, err := p.mem.Load(ctx, id)
	must(t, err)
	_, err = p.mem.Replace(ctx, id, old, store.Record{
		Data: []byte("damaged"), Expires: time.Now().Add(time.Hour),
	})
	must(t, err)
}
