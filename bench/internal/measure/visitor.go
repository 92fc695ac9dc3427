package measure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Visitor is one client of a site, with a session of its own. It makes one request at a time.
type Visitor struct {
	Values [2]string // what the write cells store in turn, so that each write is a change

	served  int // requests so far
	request *http.Request
	writer  writer

	cookies []string // if set, each request has one of them
	touched byte
	state   uint64 // of the lots
}

const cacheLine = 64

func newVisitor(payload int) (*Visitor, error) {
	r, err := http.NewRequestWithContext(
		context.Background(), http.MethodGet, "http://localhost/", nil)
	if err != nil {
		return nil, err
	}
	r.RemoteAddr = "127.0.0.1:1234"
	v := &Visitor{request: r, Values: PayloadValues(payload)}
	v.writer.reset()
	return v, nil
}

// PayloadValues are two values of so many bytes.
func PayloadValues(payload int) [2]string {
	return [2]string{strings.Repeat("a", payload), strings.Repeat("b", payload)}
}

// Next is what the request under way is to write.
func (v *Visitor) Next() string { return v.Values[v.served%2] }

// Latest is what was written latest.
func (v *Visitor) Latest() string { return v.Values[(v.served+1)%2] }

func (v *Visitor) serve(h http.Handler) {
	clear(v.writer.header)
	h.ServeHTTP(&v.writer, v.request)
	v.served++
}

// next returns what makes one request.
func (v *Visitor) next(h http.Handler, act Act) func() {
	if v.cookies != nil {
		return func() {
			v.state ^= v.state << 13
			v.state ^= v.state >> 7
			v.state ^= v.state << 17
			cookie := v.cookies[v.state%uint64(len(v.cookies))]
			for i := 0; i < len(cookie); i += cacheLine {
				// a server has just read it from the network, so it is in the
				// processor's cache
				v.touched ^= cookie[i]
			}
			v.request.Header["Cookie"][0] = cookie
			v.serve(h)
		}
	}
	if act != SignIn {
		return func() { v.serve(h) }
	}
	return func() {
		v.serve(h)
		v.follow()
	}
}

// follow makes the next request with the cookie that the latest response set.
func (v *Visitor) follow() {
	if set := v.writer.header["Set-Cookie"]; len(set) > 0 {
		cookie, _, _ := strings.Cut(set[0], ";")
		v.request.Header["Cookie"] = append(v.request.Header["Cookie"][:0], cookie)
	}
}

// start begins the visitor's session.
func (v *Visitor) start(s *Site) error {
	if err := v.once(s, Start); err != nil {
		return err
	}
	if v.follow(); v.request.Header["Cookie"] == nil {
		return fmt.Errorf("%s on %s: no cookie was handed out", s.Library, s.Store)
	}
	return nil
}

// once serves a request that is not measured, and leaves the visitor as it was.
func (v *Visitor) once(s *Site, act Act) error {
	before := v.writer.count
	v.serve(s.Handler(act, v))
	v.served--
	if v.writer.good != before.good+1 || v.writer.bad != before.bad {
		return fmt.Errorf("%s on %s: %s failed", s.Library, s.Store, act)
	}
	v.writer.count = before
	return nil
}

// writer is the least of a response writer: it counts what it is given. One serves all
// requests of a visitor, so that it costs them nothing.
type writer struct {
	header http.Header
	count
}

type count struct{ good, bad int }

func (w *writer) reset() {
	w.count = count{}
	if w.header == nil {
		w.header = make(http.Header)
	}
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(status int) {
	if status != http.StatusOK {
		w.bad++
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if len(p) == len(okBody) && &p[0] == &okBody[0] {
		w.good++
	} else {
		w.bad++
	}
	return len(p), nil
}

// check reports whether the latest n requests since the writer was reset were answered
// as they should be.
func (w *writer) check(n int) error {
	if w.bad > 0 || w.good != n {
		return fmt.Errorf("of %d responses %d were right and %d wrong", n, w.good, w.bad)
	}
	return nil
}

var (
	okBody    = []byte("ok")
	wrongBody = []byte("wrong")
)

// Answer writes the response that all handlers have in common.
func Answer(w http.ResponseWriter, right bool) {
	if right {
		_, _ = w.Write(okBody)
	} else {
		_, _ = w.Write(wrongBody)
	}
}

var errWrong = errors.New("the value is not the one that was stored")
