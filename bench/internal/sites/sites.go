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

// library is how handlers on net/http use the sessions of a library.
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

// Untouching answers without looking at a session.
var Untouching = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	measure.Answer(w, true)
})

func (l library) handler(act measure.Act, v *measure.Visitor) http.Handler {
	var do func(http.ResponseWriter, *http.Request) bool
	switch act {
	case measure.Untouched:
		return l.wrap(Untouching)
	case measure.Read:
		do = func(_ http.ResponseWriter, r *http.Request) bool { return l.get(r) == v.Values[1] }
	case measure.Check:
		do = func(_ http.ResponseWriter, r *http.Request) bool { return l.get(r) == v.Latest() }
	case measure.Write:
		do = func(w http.ResponseWriter, r *http.Request) bool {
			return l.set(w, r, v.Next()) == nil
		}
	case measure.Start:
		do = func(w http.ResponseWriter, r *http.Request) bool {
			return l.set(w, r, v.Values[1]) == nil
		}
	case measure.SignIn:
		do = func(w http.ResponseWriter, r *http.Request) bool { return l.renew(w, r) == nil }
	}
	return l.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		measure.Answer(w, do(w, r))
	}))
}

func (l library) site(name, store string) *measure.Site {
	return &measure.Site{Library: name, Store: store, Acts: l.acts(), Handler: l.handler}
}

// Bare returns the site without sessions.
func Bare(store string) *measure.Site {
	return &measure.Site{
		Library: measure.Bare, Store: store, Acts: []measure.Act{measure.Untouched},
		Handler: func(measure.Act, *measure.Visitor) http.Handler { return Untouching },
	}
}

// Middleware returns a site with the least that a middleware can do that knows the
// response and adds something to the context: copy the request and wrap the writer, both
// with one small allocation.
func Middleware(store string) *measure.Site {
	return &measure.Site{
		Library: "middleware", Store: store, Acts: []measure.Act{measure.Untouched},
		Handler: func(measure.Act, *measure.Visitor) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p := &passing{w, r.Context()}
				Untouching.ServeHTTP(p, r.WithContext(p))
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
