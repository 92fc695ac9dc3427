package cloakroom

import (
	"iter"
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
// others are committed by another Save, or by [Session.CommitLate].
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

// CommitLate commits what was changed after the header had left, once the handler or the
// stream is over. What cannot be stored is logged, with these attributes, since no
// response can tell of it any more: name the method and the route, and no path.
func (s *Session) CommitLate(attrs ...slog.Attr) {
	err := s.commit(nil)
	switch {
	case err == nil:
	case isOver(err) && s.Err() == nil:
		s.reportDropped(err)
	default:
		const message = "what was changed after the response had begun is not stored"
		s.m.engine.Log(s.ctx(), slog.LevelError, message, s.loadedID(), err, attrs...)
	}
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

// AllowSharedCache says that this response is the same for all visitors, although the
// session was read, so that caches shared by several of them may store it as far as the
// handler's own Cache-Control lets them. Call it before the response begins. It does
// nothing for a response that sets the cookie: that is never stored by a shared cache.
// "Vary: Cookie" stays.
func (s *Session) AllowSharedCache() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer.shareable = true
}

// keepPrivate makes a response one that no shared cache stores, whatever its header
// says for caches (RFC 9111 section 5.2.2.7, RFC 9213). What it says for the visitor's
// own stays, but for Expires: an HTTP/1.0 cache knows nothing else. room is for the one
// line that is mostly needed.
func keepPrivate(h http.Header, room []string, m *Manager) {
	var lines []string
	for name, values := range h {
		switch kind := kindOf(name); {
		case kind == headerOther || len(values) == 0:
		case kind == headerCacheControl:
			lines = append(lines, values...)
			if name != "Cache-Control" {
				delete(h, name)
			}
		case kind == headerExpires:
			at, err := http.ParseTime(values[0])
			if len(values) > 1 || err == nil && at.After(m.engine.Now()) {
				delete(h, name)
			}
		default:
			h[name] = []string{kind.refusal()}
		}
	}
	if lines == nil {
		room[0] = "private"
		h["Cache-Control"] = room
	} else if line, changed := private(lines); changed || len(h["Cache-Control"]) != len(lines) {
		h["Cache-Control"] = []string{line}
	}
}

// neverStore makes a response one that no cache stores, unless its writer says otherwise.
func neverStore(h http.Header) {
	for name := range h {
		switch kind := kindOf(name); kind {
		case headerOther:
		case headerCacheControl, headerExpires:
			delete(h, name)
		default:
			h[name] = []string{kind.refusal()}
		}
	}
	h["Cache-Control"] = []string{"no-store"}
}

// headerKind is what a header means to caches.
type headerKind uint8

const (
	headerOther        headerKind = iota
	headerCacheControl            // to all caches
	headerExpires                 // likewise
	headerTargeted                // to some shared caches, before Cache-Control: RFC 9213 and older
	headerAccel                   // to nginx, before all others
)

// refusal is the value of a header for shared caches alone that keeps them from storing the
// response.
func (k headerKind) refusal() string {
	if k == headerAccel {
		return "0"
	}
	return "no-store"
}

func kindOf(name string) headerKind {
	const suffix = "-Cache-Control" // such as CDN-Cache-Control, and those of one vendor
	switch n := len(name) - len(suffix); {
	case strings.EqualFold(name, "Cache-Control"):
		return headerCacheControl
	case strings.EqualFold(name, "Expires"):
		return headerExpires
	case n >= 0 && strings.EqualFold(name[n:], suffix),
		strings.EqualFold(name, "Surrogate-Control"), strings.EqualFold(name, "Edge-Control"):
		return headerTargeted
	case strings.EqualFold(name, "X-Accel-Expires"):
		return headerAccel
	}
	return headerOther
}

// private returns Cache-Control lines as one that keeps shared caches from storing the
// response, and whether they have to be changed for that. What is said for private
// caches stays.
func private(lines []string) (line string, changed bool) {
	refuses, understand := false, false
	kept := []string{"private"}
	for directive := range directives(lines) {
		name, argument, has := strings.Cut(directive, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "private":
			refuses = refuses || !has // with an argument it is about single headers
			changed = changed || has && argument != ""
		case "public", "s-maxage", "proxy-revalidate":
			changed = true
		case "must-understand": // undoes no-store
			understand = true
		case "no-store":
			refuses = true
			kept = append(kept, directive)
		default:
			kept = append(kept, directive)
		}
	}
	return strings.Join(kept, ", "), changed || understand || !refuses
}

// directives yields the directives of Cache-Control lines. A comma between quotes is
// part of one.
func directives(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for line != "" {
				n, quoted := 0, false
				for ; n < len(line) && (quoted || line[n] != ','); n++ {
					switch {
					case line[n] == '"':
						quoted = !quoted
					case quoted && line[n] == '\\':
						n++
					}
				}
				directive := strings.TrimSpace(line[:min(n, len(line))])
				line = line[min(n+1, len(line)):]
				if directive != "" && !yield(directive) {
					return
				}
			}
		}
	}
}
