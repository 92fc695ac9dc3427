package cloakroom

import (
	"iter"
	"net/http"
	"strings"
)

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
