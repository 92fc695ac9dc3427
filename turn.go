package cloakroom

import (
	"context"
	"slices"
	"time"
)

// lockTurn makes commits and sign-outs of this Session wait for each other, while
// others may read it. It gives up when for the length of the time limit no turn was
// over.
func (s *Session) lockTurn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lockTurnLocked()
}

// lockTurnLocked is lockTurn for whoever holds s.mu, which others have while it waits.
func (s *Session) lockTurnLocked() error {
	if s.finished {
		return ErrFinished
	}
	w := s.changes()
	if !w.busy {
		w.busy = true
		return nil
	}
	turn, past := make(chan struct{}), w.past
	w.waiting = append(w.waiting, turn)
	return s.unlocked(func() error { return s.waitTurn(w, turn, past) })
}

// waitTurn waits for a turn that was asked for when so many were over.
func (s *Session) waitTurn(w *changes, turn chan struct{}, past int) error {
	timer := time.NewTimer(s.m.options.Timeout)
	defer timer.Stop()
	for {
		select {
		case <-turn:
			return nil
		case <-timer.C:
		}
		s.mu.Lock()
		i := slices.Index(w.waiting, turn)
		if i >= 0 && past == w.past {
			w.waiting = slices.Delete(w.waiting, i, i+1)
			s.mu.Unlock()
			return errorAt("waiting for another commit of this request", context.DeadlineExceeded)
		}
		past = w.past
		s.mu.Unlock()
		timer.Reset(s.m.options.Timeout)
	}
}

// unlockTurn gives the turn to whoever has waited longest.
func (s *Session) unlockTurn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlockTurnLocked()
}

func (s *Session) unlockTurnLocked() {
	w := s.w
	w.past++
	if w.busy = len(w.waiting) > 0; w.busy {
		close(w.waiting[0])
		w.waiting = slices.Delete(w.waiting, 0, 1)
	}
}
