package cloakroom

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// CommitHeader is [Session.Save] for code that answers without [Manager.Handler], such
// as an adapter of a framework that is not net/http. Call it once, when the response's
// header is complete and none of it has left. h is that header, and CommitHeader puts
// in what the middleware would: the cookies and, if the session was looked at, what
// caches are told. A change that needs a new cookie is [ErrHeaderSent] from then on;
// others are committed by another Save.
//
// Where the session has ended, its changes are dropped, which is logged, and
// CommitHeader returns nil. After any other error the response must not be sent: h is
// then that of the error to send instead, with what it held before the handler ran,
// which before tells, and no cookie. Both may be nil: [Session.Cookies] has the cookies
// too.
func (s *Session) CommitHeader(h, before http.Header) error {
	if p := s.m.options.Profile; p != nil && p.RefreshEachRequest {
		s.refreshOrReport()
	}
	if err := s.commitOrDrop(); err != nil {
		if h != nil {
			resetHeader(h, before)
			neverStore(h)
		}
		return err
	}
	if h != nil {
		s.setHeader(h, false, make([]string, 1), make([]string, 1))
	}
	return nil
}

// commitOrDrop commits before the response's header leaves. Where there is no session
// to store anything in any more, it reports so, and the response goes out.
func (s *Session) commitOrDrop() error {
	err := s.commitHeader()
	if isOver(err) && s.Err() == nil {
		s.reportDropped(err)
		return nil
	}
	return err
}

// refreshOrReport is refresh, and logs what keeps it from being done.
func (s *Session) refreshOrReport() {
	if err := s.refresh(); err != nil {
		const message = "session not refreshed: it may end early"
		s.m.engine.Log(s.ctx(), slog.LevelWarn, message, "", err)
	}
}

func resetHeader(h, to http.Header) {
	clear(h)
	maps.Copy(h, to)
}

// setHeader puts the session's ticket into h, if the browser must be sent one, and tells
// caches that the response depends on it. ours says whether h has a ticket of ours from
// an earlier commit, and so does what it returns. vary and cache have room for a line
// each.
func (s *Session) setHeader(h http.Header, ours bool, vary, cache []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.looked {
		return ours
	}
	header := "Cookie"
	if o := &s.m.options; o.RequestHeader != "" {
		header = o.RequestHeader
		if c := s.cookieLocked(); c != nil {
			ours = true
			h.Set(o.ResponseHeader, c.Value)
		}
	} else {
		ours = s.setCookies(h, ours)
	}
	if ours || !s.answer.shareable {
		keepPrivate(h, cache, s.m)
	}
	varyBy(h, header, vary)
	return ours
}

// setCookies puts the session's cookies into h, in place of any that are there from an
// earlier commit, and returns whether h has any. s.mu is held.
func (s *Session) setCookies(h http.Header, ours bool) bool {
	if s.answer.taken || ours {
		name := s.m.options.CookieName
		if s.rare != nil && s.rare.cookie != nil {
			name = s.rare.cookie.Name
		}
		h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
			return strings.HasPrefix(line, name+"=")
		})
		if len(h["Set-Cookie"]) == 0 {
			delete(h, "Set-Cookie")
		}
	}
	for _, c := range s.cookiesLocked() {
		ours = true
		if line := c.String(); !slices.Contains(h["Set-Cookie"], line) {
			h.Add("Set-Cookie", line)
		}
	}
	return ours
}

// varyBy adds a request header to those that the response varies by, unless it is there.
// room is for its line.
func varyBy(h http.Header, header string, room []string) {
	lines := h["Vary"]
	if len(lines) == 0 {
		room[0] = header
		h["Vary"] = room
		return
	}
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, header) {
				return
			}
		}
	}
	h.Add("Vary", header)
}
