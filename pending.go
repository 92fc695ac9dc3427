package cloakroom

import (
	"slices"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/internal/queue"
)

// changes is what a Session needs once something is changed.
type changes struct {
	ops  []document.Operation
	view *document.Draft // the document with the operations performed; nil until it is looked at
	gen  int             // counts the changes of ops and of what they are based on

	line queue.Line // commits and sign-outs of this Session take turns

	first [1]document.Operation // room for what is mostly all
}

// changes returns the changes, which there are from now on. The session is not
// finished. s.mu is held.
func (s *Session) changes() *changes {
	b := s.own()
	if b.w == nil {
		b.w = &b.changed
		b.w.ops = b.w.first[:0]
	}
	return b.w
}

// view returns the document as this request sees it. s.mu is held.
func (s *Session) view() *document.Document {
	if s.w == nil || s.w.view == nil && len(s.w.ops) == 0 {
		return &s.state.Doc
	}
	return &s.draft().Document
}

// draft is view for a change. Where there is no view yet, what is pending can neither
// fail nor call code of the caller's: such operations are performed when they are
// recorded, or by see. s.mu is held.
func (s *Session) draft() *document.Draft {
	w := s.w
	if w.view == nil {
		d, err := s.state.Doc.Perform(w.ops)
		if err != nil {
			s.failLocked(err)
		}
		w.view = &d
	}
	return w.view
}

func (s *Session) ops() []document.Operation {
	if s.w != nil {
		return s.w.ops
	}
	return nil
}

// setState makes st what this session builds on, and ops what is pending. The view
// follows at the next call of see.
func (s *Session) setState(st *engine.State, ops []document.Operation) {
	s.own().state = *st
	if s.w != nil {
		s.w.ops, s.w.view = ops, nil
		if len(ops) > 0 { // see runs code of the caller's, which may look at the session meanwhile
			base := s.state.Doc.Draft()
			s.w.view = &base
		}
		s.w.gen++
	}
}

// see performs what is pending on the view. Code of the caller's runs without s.mu, and
// again if another goroutine came in between.
func (s *Session) see() {
	for len(s.ops()) > 0 {
		gen, base, ops := s.w.gen, s.state.Doc, slices.Clone(s.w.ops)
		var d document.Draft
		err := s.unlocked(func() (err error) {
			d, err = base.Perform(ops)
			return err
		})
		if s.phase == finished {
			return
		}
		if gen == s.w.gen {
			if err != nil {
				s.failLocked(err)
				return
			}
			s.w.view = &d
			s.w.gen++
			return
		}
	}
}

// write implements [Values].
func (s *Session) write(op document.Operation) {
	if err := s.record(op); err != nil {
		s.reportVain(err)
	}
}

// record records an operation and performs it on the view. It returns why the session
// cannot be used, if it cannot.
func (s *Session) record(op document.Operation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lent() {
		op.Own()
	}
	justLoaded := s.phase == unloaded
	if err := s.ensure(); err != nil {
		return err
	}
	if err := op.Settle(s.state.Doc.Format()); err != nil {
		s.failLocked(err)
		return nil
	}
	// What was loaded by this very call is as good as now. On anything older, a change that
	// seems to change nothing may be one by now, so the commit must look.
	op.Must = op.Kind == document.Set ||
		!justLoaded && (op.Kind == document.Change || op.Kind == document.Clear)
	if op.Kind == document.Delete && justLoaded && !s.view().At(op.Name).Present() {
		return nil
	}
	for {
		if s.phase == finished {
			return ErrFinished
		}
		if s.dropIfGone(op.Kind) {
			return nil
		}
		if err := s.refuseLate(op.Kind); err != nil {
			s.failLocked(err)
			return nil
		}
		w := s.changes()
		if err := s.refuseValue(&op); err != nil {
			s.failLocked(err)
			return nil
		}
		if op.Kind != document.Change {
			if w.view != nil || !op.Fits(s.state.Doc.Format()) {
				if err := s.draft().Apply(&op, false); err != nil {
					s.failLocked(err)
					return nil
				}
			}
			w.ops = append(w.ops, op)
			w.gen++
			return nil
		}
		// Code of the caller's runs without s.mu, on a copy, and again if another
		// goroutine came in between.
		gen, d := w.gen, *s.draft()
		d.Own()
		err := s.unlocked(func() error { return d.Apply(&op, false) })
		if s.phase == finished || gen != w.gen {
			continue
		}
		if err == nil {
			err = d.CheckLen(s.m.options.MaxValues, s.state.Doc.Len())
		}
		if err == nil {
			err = s.refuseLate(op.Kind)
		}
		if err != nil {
			s.failLocked(err)
			return nil
		}
		w.view = &d
		w.ops = append(w.ops, op)
		w.gen++
		return nil
	}
}

// unlocked calls f without s.mu, which is held again when it returns or panics.
func (s *Session) unlocked(f func() error) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return f()
}

// dropIfGone reports whether a change has nowhere to go, since the session has ended. A
// sign-in may still start another one.
func (s *Session) dropIfGone(kind document.Kind) bool {
	if s.phase.gone() && !s.restarts(kind) && s.firstRestart(s.ops()) < 0 {
		s.dropped = true
		return true
	}
	return false
}

// restarts reports whether an operation begins another session where this one is gone.
// A sign-in does, and so does clearing what cannot be read: both end that record first.
func (s *Session) restarts(kind document.Kind) bool {
	return restarts(kind, s.phase == unreadable)
}

func restarts(kind document.Kind, unreadable bool) bool {
	return kind == document.SignIn || kind == document.Clear && unreadable
}

// firstRestart returns the position of the first operation that restarts the session, or -1.
func (s *Session) firstRestart(ops []document.Operation) int {
	return firstRestart(ops, s.phase == unreadable)
}

func firstRestart(ops []document.Operation, unreadable bool) int {
	return slices.IndexFunc(ops, func(op document.Operation) bool {
		return restarts(op.Kind, unreadable)
	})
}

// refuseValue returns an error for a value that is one too many. The commit would tell
// so too, but each of the thousands that may have been set by then takes longer than
// the one before.
func (s *Session) refuseValue(op *document.Operation) error {
	if op.Kind != document.Set || s.state.Doc.Len()+len(s.w.ops) < s.m.options.MaxValues {
		return nil
	}
	return s.draft().Refuse(op, s.m.options.MaxValues, s.state.Doc.Len())
}

// refuseLate returns an error for a change that needs a new cookie when the header has left.
func (s *Session) refuseLate(kind document.Kind) error {
	if s.headerSent && (!s.state.Stored() || kind == document.SignIn || kind == document.Renew) {
		return ErrHeaderSent
	}
	return nil
}

// Clear removes all values and flash messages. The session, its ticket and its owner
// stay. With a [Profile] the owner is one of the values and goes too, and so does the
// session if nothing is set afterwards.
func (s *Session) Clear() { s.write(document.Operation{Kind: document.Clear}) }

// SetPersistent decides whether the cookie outlives the browser: then it lives to the
// session's absolute deadline. Options.Persistent is the default.
func (s *Session) SetPersistent(persistent bool) {
	if s.IsPersistent() == persistent {
		return
	}
	s.mu.Lock()
	late := s.headerSent && s.phase != finished
	s.mu.Unlock()
	if late {
		s.fail(ErrHeaderSent)
		return
	}
	s.write(document.Operation{
		Kind: document.Change, Name: document.NamePermanent,
		Change: func(d *document.Draft) error { return d.SetPersistent(persistent) },
	})
}
