package cloakroom

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
)

// maxOwnerBytes is how long the name of an owner may be.
const maxOwnerBytes = 16 << 10

// Login makes owner, a name of your choice such as a user's primary key, the owner of
// the session, under a new ticket: the old one is dead before the new one is handed out
// (ASVS 5.0 7.2.4). It happens at the commit; if it fails, the response is not sent.
// The absolute deadline is counted anew. Values stay, unless the session belonged to
// another owner: then it keeps only what is set after Login.
//
// Where another request has signed in the same owner with the same ticket within the
// last minute, as the first click of a double click, this one joins that session: both
// end in one, under the ticket of the later, with what either changed. (With a
// [Profile] it cannot: no seal tells where the session went.)
//
// Where the session ended meanwhile, an anonymous one is replaced by a new one with
// only what is set after Login, and one that had an owner fails with [ErrEnded]. A
// record that cannot be read is ended first, and replaced likewise; where it cannot be
// ended either, the sign-in fails.
//
// The returned error says that owner is empty or longer than 16 KiB, that the session
// could not be loaded, or that the response has begun. It is sticky: the response is not
// sent, whatever the handler writes, and the client gets a 503.
func (s *Session) Login(owner string) error {
	if owner == "" || len(owner) > maxOwnerBytes {
		err := fmt.Errorf("cloakroom: Login: the owner's name has %d bytes: it must have 1 to %d",
			len(owner), maxOwnerBytes)
		s.fail(err)
		return err
	}
	now := s.m.engine.Now()
	l := &document.Login{Owner: owner, At: now, Deadline: now.Add(s.m.options.Lifetime)}
	if p := s.m.options.Profile; p != nil {
		l.ValueName = p.OwnerName
	}
	l.UserAgent, l.IP = s.visitor()
	s.write(document.Operation{Kind: document.SignIn, Login: l})
	return s.Load()
}

// Renew gives the session a new ticket, as Login does, and changes nothing else. Call
// it whenever the privileges of its owner change. It happens at the commit; a session
// without a record needs no new ticket, and one whose record cannot be read cannot get
// one: the response is not sent then.
func (s *Session) Renew() error {
	isNew, err := s.renews()
	if err != nil || isNew {
		return err
	}
	s.write(document.Operation{Kind: document.Renew})
	return s.Load()
}

func (s *Session) renews() (isNew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensure(); err != nil {
		return false, err
	}
	isNew = !s.state.Stored()
	if s.phase.gone() && s.firstRestart(s.ops()) < 0 {
		// its ticket would stay as it is, and the caller must not think otherwise
		if s.phase == unreadable {
			s.failLocked(errorAt("renew", ErrUnreadable))
		}
		return isNew, s.over()
	}
	return isNew, nil
}

// clip makes text from outside fit to be kept: valid UTF-8, of at most n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}

// Logout ends the session: its record is deleted now, what was changed and not
// committed is dropped, and the response clears the cookie. What is set afterwards goes
// to a new session. When Logout fails, the response will not be sent. It is done
// even if the client has hung up. It also ends the session that this one moved to
// within the last minute, and those of further cookies of the same name.
func (s *Session) Logout() error {
	if err := s.lockTurn(); err != nil {
		s.fail(err)
		return err
	}
	defer s.unlockTurn()
	id, known, err := s.toEnd()
	if err != nil {
		return err
	}
	why := engine.Cause{Reason: event.SignedOut, Actor: s.actor(known)}
	if id != "" {
		limit := s.m.engine.Limit(s.ctx(), true)
		defer limit.Release()
		err = s.m.engine.End(limit, id, known, "", why)
	}
	err = errors.Join(err, s.endOthers(why))

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		err = errorAt("sign out", err)
		s.failLocked(err)
		return err
	}
	s.startFresh()
	s.dropped, s.answer.cookie, s.answer.clearForeign = false, cookieKeep, true
	if s.answer.sent > 0 {
		s.answer.cookie = cookieClear
	}
	return nil
}

// toEnd returns what a sign-out has to end: a store's id, if any, and what was loaded
// of it. Sticky errors other than that of the load keep no owner signed in.
func (s *Session) toEnd() (id string, known *engine.State, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensureFor(true); err != nil && (s.phase == finished || s.phase == unloaded) {
		return "", nil, err
	}
	if !s.state.Stored() {
		return s.goneID, nil, nil
	}
	loaded := s.state
	return s.state.ID, &loaded, nil
}

// actor returns who signs out a session: what middleware outside has put into the
// context, or its owner.
func (s *Session) actor(known *engine.State) string {
	if !s.m.engine.Listened() {
		return ""
	}
	owner := ""
	if known != nil {
		owner = string(s.m.policy.OwnerIn(&known.Doc))
	}
	return cmp.Or(event.Actor(s.ctx()), owner)
}

// noSuccessor stands for an owner that no seal names: what is ended with it, no session
// that took its place ends.
const noSuccessor = "-"

// endRivals ends the sessions of the browser's other tickets before a commit hands out
// a new one: that cookie may come after theirs in the next request, and then they would
// win.
func (s *Session) endRivals(c *engine.Commit) error {
	if s.rare == nil || !document.MovesTicket(c.Ops) {
		return nil
	}
	owner := string(s.m.policy.OwnerIn(&c.Base.Doc))
	if i := document.First(c.Ops, document.SignIn); i >= 0 {
		owner = c.Ops[i].Login.Owner
	}
	why := engine.Cause{Reason: event.Replaced, Actor: cmp.Or(event.Actor(s.ctx()), owner)}
	return s.endTickets(c.Limit, noSuccessor, c.Base.ID, why)
}

// endOthers ends the sessions of the browser's other tickets for a sign-out.
func (s *Session) endOthers(why engine.Cause) error {
	if s.rare == nil {
		return nil
	}
	limit := s.m.engine.Limit(s.ctx(), true)
	defer limit.Release()
	return s.endTickets(limit, "", "", why)
}

// endTickets ends what the other tickets lead to, but for the session stored under
// spare: a profile may have two tickets for one. It goes on after one that cannot be
// ended. The session is loaded.
func (s *Session) endTickets(
	limit *deadline.Context, nextOwner, spare string, why engine.Cause,
) error {
	var failed error
	for _, ticket := range s.rare.tickets {
		id := s.m.policy.ID(ticket)
		if id == spare {
			continue
		}
		err := s.m.engine.End(limit, id, nil, nextOwner, why)
		failed = errors.Join(failed, err)
	}
	return failed
}
