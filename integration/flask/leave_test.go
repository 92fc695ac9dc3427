package flask_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// A browser that signed in with Flask keeps its cookie, and stays signed in, when the
// site leaves the profile. A signed cookie is first replaced by a plain one.
func TestLeaveFlask(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	pairs := start(t, settings, with(settings, map[string]any{"SESSION_USE_SIGNER": true}))
	plain, signed := pairs[0], pairs[1]

	ada, bob := &browser{t: t}, &browser{t: t}
	ada.do(plain.python, "POST /login user=ada")
	ada.set(plain.python, "a", "1")
	bob.do(signed.python, "POST /login user=bob")
	bob.answers(plain.golang, "GET /whoami", "bob") // the signer is off here
	if strings.Contains(bob.cookie, ".") {
		t.Error("the cookie is signed as before")
	}

	from := settings["SESSION_REDIS"].(string)
	to := strings.TrimSuffix(from, "/") + "/?prefix=shop:"
	out, err := exec.CommandContext(t.Context(), demotest.Command(t), "copy", "--from-flask", from, to).CombinedOutput()
	if err != nil || string(out) != "2 sessions copied, 0 skipped, 0 failed\n" {
		t.Fatalf("%s, %v", out, err)
	}

	store, closer, err := redisstore.Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	m, err := cloakroom.New(store, cloakroom.Options{
		CookieName: "session", InsecureCookie: true, Timeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, m.Get(r).Owner())
	})))
	t.Cleanup(server.Close)
	after := side{"without the profile", server.URL}
	ada.answers(after, "GET /", "ada")
	bob.answers(after, "GET /", "bob")
	n := 0
	for _, err := range m.Owned(t.Context(), "ada") {
		if n++; err != nil {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d sessions of ada are listed", n)
	}
}
