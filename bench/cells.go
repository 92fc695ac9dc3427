package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
)

const valueBytes = 100

// values are what the write cells store in turn, so that each write is a change.
var values = [2]string{strings.Repeat("a", valueBytes), strings.Repeat("b", valueBytes)}

// cell is one thing to be measured: a handler and the request that it gets.
type cell struct {
	name    string
	handler http.Handler
	request *http.Request
	writer  writer
	served  int // requests so far; the write cells store values[served%2]

	// stored, if set, returns what the session holds, to see whether the writes were done.
	stored func() (string, error)
}

// run serves n requests and checks their answers.
func (c *cell) run(n int) error {
	c.writer.reset()
	for range n {
		clear(c.writer.header)
		c.handler.ServeHTTP(&c.writer, c.request)
		c.served++
	}
	return c.check(n)
}

// check reports whether the latest n requests since the writer was reset were answered as they should be.
func (c *cell) check(n int) error {
	if c.writer.bad > 0 || c.writer.good != n {
		return fmt.Errorf("%s: of %d responses %d were right and %d wrong", c.name, n, c.writer.good, c.writer.bad)
	}
	if c.stored == nil {
		return nil
	}
	switch got, err := c.stored(); {
	case err != nil:
		return fmt.Errorf("%s: %w", c.name, err)
	case got != values[(c.served-1)%2]:
		return fmt.Errorf("%s: the latest value is not stored", c.name)
	}
	return nil
}

// writer is the least of a response writer: it counts what it is given. One serves all requests of a
// cell, so that it costs them nothing.
type writer struct {
	header    http.Header
	good, bad int
}

func (w *writer) reset() {
	*w = writer{header: w.header}
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

var (
	okBody    = []byte("ok")
	wrongBody = []byte("wrong")
)

func answer(w http.ResponseWriter, right bool) {
	if right {
		w.Write(okBody)
	} else {
		w.Write(wrongBody)
	}
}

type cells struct {
	list  []*cell
	store *memstore.Store
}

func (c *cells) close() { _ = c.store.Close() }

func (c *cells) find(name string) *cell {
	for _, each := range c.list {
		if each.name == name {
			return each
		}
	}
	return nil
}

func newCells() (*cells, error) {
	c := &cells{store: memstore.New(memstore.Options{})}
	sessions, err := cloakroom.New(c.store, cloakroom.Options{})
	if err != nil {
		return nil, err
	}
	all := []func() (*cell, error){
		newBare,
		newMiddleware,
		func() (*cell, error) { return newUntouched(sessions) },
		func() (*cell, error) { return newRead(sessions) },
		func() (*cell, error) { return newWrite(sessions) },
	}
	all = append(all, scsCells("scs", nil)...)
	all = append(all, scsCells("scs-json", jsonCodec{})...)
	for _, build := range all {
		each, err := build()
		if err != nil {
			c.close()
			return nil, err
		}
		each.writer.reset()
		c.list = append(c.list, each)
	}
	return c, nil
}

// untouching is the handler that all cells have in common; read and write do one thing more.
var untouching = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, true) })

func newBare() (*cell, error) {
	r, err := request("")
	return &cell{name: "bare", handler: untouching, request: r}, err
}

// newMiddleware is the least that a middleware which knows the response and passes on something in
// the context can do: copy the request, wrap the writer, both with one small allocation.
func newMiddleware() (*cell, error) {
	r, err := request("")
	return &cell{name: "middleware", request: r, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &passing{w, r.Context()}
		untouching.ServeHTTP(p, r.WithContext(p))
	})}, err
}

type passing struct {
	http.ResponseWriter
	context.Context
}

type passingKey struct{}

func (p *passing) Value(key any) any {
	if key == (passingKey{}) {
		return p
	}
	return p.Context.Value(key)
}

const name = cloakroom.Key[string]("name")

func newUntouched(m *cloakroom.Manager) (*cell, error) {
	return newCloakroom(m, "cloakroom untouched", func(c *cell) http.Handler { return untouching })
}

func newRead(m *cloakroom.Manager) (*cell, error) {
	return newCloakroom(m, "cloakroom read", func(c *cell) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, name.Get(m.Get(r)) == values[1])
		})
	})
}

func newWrite(m *cloakroom.Manager) (*cell, error) {
	c, err := newCloakroom(m, "cloakroom write", func(c *cell) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name.Set(m.Get(r), values[c.served%2])
			answer(w, true)
		})
	})
	if err != nil {
		return nil, err
	}
	cookie, err := c.request.Cookie(m.Options().CookieName)
	if err != nil {
		return nil, err
	}
	c.stored = func() (string, error) {
		s := m.Open(context.Background(), cookie.Value)
		defer s.Close()
		v, _, err := name.Lookup(s)
		return v, err
	}
	return c, nil
}

// newCloakroom makes a cell whose request has the ticket of a session that holds a value.
func newCloakroom(m *cloakroom.Manager, cellName string, handler func(*cell) http.Handler) (*cell, error) {
	s := m.Open(context.Background(), "")
	defer s.Close()
	name.Set(s, values[1])
	if err := s.Save(); err != nil {
		return nil, err
	}
	c := s.Cookie()
	if c == nil {
		return nil, errors.New("no ticket was handed out")
	}
	r, err := request(c.Name + "=" + c.Value)
	made := &cell{name: cellName, request: r}
	made.handler = m.Handler(handler(made))
	return made, err
}

func request(cookie string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost/", nil)
	if err == nil && cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return r, err
}
