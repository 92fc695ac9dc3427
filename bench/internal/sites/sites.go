// Package sites makes the same site with Cloakroom and with its peers, each configured
// as its manual advises for speed.
package sites

import (
	"context"
	"net/http"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// key is the name of the one value that all sessions have.
const key = "name"

// library is how the handlers of a library on net/http get at their sessions.
type library struct {
	wrap  func(http.Handler) http.Handler
	get   func(*http.Request) string
	set   func(http.ResponseWriter, *http.Request, string) error
	renew func(http.ResponseWriter, *http.Request) error // nil where the library cannot
}

func (l library) acts() []measure.Act {
	acts := []measure.Act{measure.Untouched, measure.Read, measure.Write}
	if l.renew != nil {
		acts = append(acts, measure.SignIn)
	}
	return acts
}

var untouching = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { measure.Answer(w, true) })

func (l library) handler(act measure.Act, v *measure.Visitor) http.Handler {
	var h http.HandlerFunc
	switch act {
	case measure.Untouched:
		h = untouching
	case measure.Read:
		h = func(w http.ResponseWriter, r *http.Request) { measure.Answer(w, l.get(r) == v.Values[1]) }
	case measure.Check:
		h = func(w http.ResponseWriter, r *http.Request) { measure.Answer(w, l.get(r) == v.Latest()) }
	case measure.Write:
		h = func(w http.ResponseWriter, r *http.Request) { measure.Answer(w, l.set(w, r, v.Next()) == nil) }
	case measure.Start:
		h = func(w http.ResponseWriter, r *http.Request) { measure.Answer(w, l.set(w, r, v.Values[1]) == nil) }
	case measure.SignIn:
		h = func(w http.ResponseWriter, r *http.Request) { measure.Answer(w, l.renew(w, r) == nil) }
	}
	return l.wrap(h)
}

func (l library) site(name, store string) *measure.Site {
	return &measure.Site{Library: name, Store: store, Acts: l.acts(), Handler: l.handler}
}

// Bare is the handler alone.
func Bare(store string) *measure.Site {
	return &measure.Site{
		Library: measure.Bare, Store: store, Acts: []measure.Act{measure.Untouched},
		Handler: func(measure.Act, *measure.Visitor) http.Handler { return untouching },
	}
}

// Middleware is the least that a middleware which knows the response and passes on
// something in the context can do: copy the request, wrap the writer, both with one
// small allocation.
func Middleware(store string) *measure.Site {
	return &measure.Site{
		Library: "middleware", Store: store, Acts: []measure.Act{measure.Untouched},
		Handler: func(measure.Act, *measure.Visitor) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p := &passing{w, r.Context()}
				untouching.ServeHTTP(p, r.WithContext(p))
			})
		},
	}
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
