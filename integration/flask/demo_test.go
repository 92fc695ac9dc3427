package flask_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

func TestMain(m *testing.M) {
	// DynamoDB Local takes any
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if err := os.Setenv(name, "x"); err != nil {
			panic(err)
		}
	}
	os.Exit(demotest.Main(m))
}

// The command and Flask, each as a process, on the files of cachelib and on Redis.
func TestDemo(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{"cachelib": "SESSION_CACHELIB", "redis": "SESSION_REDIS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := stores[name](t)
			p := start(t, settings)[0]
			storeURL := settings[setting].(string)
			d := demotest.Start(t, "--flask", "--store", storeURL)
			b := &browser{t: t}
			demo := func(request, form, want string) {
				t.Helper()
				a, err := demotest.Send(d, b.cookie, request, form)
				if err != nil || a.Status != http.StatusOK || want != "" && a.Body != want {
					t.Fatalf("%s: %d %q, %v", request, a.Status, a.Body, err)
				}
				if a.SetCookie {
					b.cookie = a.Ticket
				}
			}
			b.set(p.python, "value", `"red"`)
			demo("GET /get", "", "red")
			demo("POST /set", "value=blue", "")
			b.holds(p.python, "value", `"blue"`)
			b.do(p.python, "POST /login user=ada")
			demo("POST /set", "value=green", "")
			b.answers(p.python, "GET /whoami", "ada")
			demo("POST /logout", "", "")
			b.answers(p.python, "GET /whoami", "")
		})
	}
}

// The command sweeps expired sessions from Flask's files.
func TestSweepFiles(t *testing.T) {
	t.Parallel()
	settings := stores["cachelib"](t)
	p := start(t, with(settings, map[string]any{"PERMANENT_SESSION_LIFETIME": 1, "SESSION_REFRESH_EACH_REQUEST": false}), settings)
	store := openStore(t, settings)
	brief, live := &browser{t: t}, &browser{t: t}
	brief.set(p[0].python, "a", "1")
	live.set(p[1].python, "a", "1")
	servers.Until(t, "a session of Flask ends", func() error {
		if _, err := store.Load(t.Context(), brief.cookie); !errors.Is(err, cloakroom.ErrNotFound) {
			return errors.New("it lives")
		}
		return nil
	})
	out, err := exec.CommandContext(t.Context(), demotest.Command(t), "sweep", settings["SESSION_CACHELIB"].(string)).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "1 expired record removed" {
		t.Errorf("%s, %v", out, err)
	}
	live.holds(p[1].golang, "a", "1")
}
