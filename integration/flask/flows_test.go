package flask_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// Values that real extensions keep from one request to the next survive a change of
// another value by Go between them. The cookie is the same, and the user is still signed
// in.
func TestExtensions(t *testing.T) {
	servers.Long(t)
	onSetUps(t, map[string]any{"extensions": true, "retry": false}, func(t *testing.T, p pair) {
		ran := 0
		for _, name := range list(t, p.python, "/flows") {
			if flowAlone(t, p.python, name) {
				ran++
				t.Run(name, func(t *testing.T) { flowBeside(t, p, name) })
			} else {
				t.Logf("%s: not kept by Python alone", name)
			}
		}
		if ran < 17 { // msgspec refuses some
			t.Errorf("only %d flows work in Python alone", ran)
		}
	}, "sqlalchemy with PostgreSQL")
}

func flowStep(name, step string) string {
	return "POST /flow " + url.Values{"name": {name}, "step": {step}}.Encode()
}

// flowAlone reports whether a flow works with Python alone.
func flowAlone(t *testing.T, python side, name string) bool {
	b := &browser{t: t}
	b.do(python, "POST /login user=ada&remember=1")
	for _, request := range []string{flowStep(name, "first"), "GET /ping", flowStep(name, "check")} {
		if b.try(python, request).status != http.StatusOK {
			return false
		}
	}
	return true
}

func flowBeside(t *testing.T, p pair, name string) {
	b := &browser{t: t}
	b.do(p.python, "POST /login user=ada&remember=1")
	b.do(p.python, flowStep(name, "first"))
	cookie := b.cookie
	b.answers(p.golang, "GET /whoami", "ada")
	b.answers(p.golang, "POST /count name=n", "1")
	b.answers(p.python, "GET /whoami", "ada")
	b.answers(p.golang, "POST /count name=n", "2")
	if a := b.try(p.python, flowStep(name, "check")); a.status != http.StatusOK {
		t.Errorf("%s is lost: %d", name, a.status)
	}
	b.answers(p.python, "GET /whoami", "ada")
	b.holds(p.python, "n", "2")
	if b.cookie != cookie {
		t.Error("the cookie changed")
	}
}
