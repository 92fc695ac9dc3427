package cloakroom

// Discard drops what this request has changed and not committed, a Login among it: for middleware
// that recovers from a panic within [Manager.Handler] and answers by itself, or for a handler that
// gives up half-way. What [Session.Save], [Key.UpdateNow], [Session.Transact] or [Session.Logout] has
// committed stays, and so does an error that keeps the response from being sent. What is changed
// afterwards is committed as ever.
func (s *Session) Discard() {
	if err := s.lockTurn(); err != nil { // a commit is under way, and does not end
		s.fail(err)
		return
	}
	defer s.unlockTurn()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == finished {
		return
	}
	s.w.ops, s.w.view, s.dropped = nil, nil, false
	s.w.gen++
}
