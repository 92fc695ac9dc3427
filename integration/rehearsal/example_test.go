package rehearsal

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// The example in examples/from-flask runs, and its two sides share a session.
func TestExample(t *testing.T) {
	t.Parallel()
	python := servers.Flask(t)
	servers.Need(t, "nginx")
	run, err := filepath.Abs("../../examples/from-flask/run")
	if err != nil {
		t.Fatal(err)
	}
	port := func() string { return strconv.Itoa(servers.FreePort(t)) }
	front := port()
	example := servers.Start(t, "", servers.Need(t, "env"),
		"PYTHON="+python, "PORT="+front, "GO_PORT="+port(), "PYTHON_PORT="+port(), run)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	home := "http://127.0.0.1:" + front
	shows := func(path, want string) error {
		resp, err := client.Get(home + path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && !strings.Contains(string(body), want) {
			err = fmt.Errorf("%s shows no %q: %s\n%s", path, want, resp.Status, body)
		}
		return err
	}
	post := func(path string, form url.Values) {
		t.Helper()
		resp, err := client.PostForm(home+path, form)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	servers.Until(t, "Flask answers", func() error { return shows("/", "by Flask") })
	servers.Until(t, "Go answers", func() error { return shows("/cart", "by Go") })
	post("/login", url.Values{"user": {"ada"}})
	must(shows("/cart", "Signed in: ada"))
	post("/cart", url.Values{"item": {"coat"}}) // it is redirected to Flask, which shows the flash
	must(shows("/", "In your cart: 1"))
	must(shows("/cart", "<li>coat</li>"))
	post("/logout", nil)
	must(shows("/cart", "Signed in: </p>"))
	example.Terminate()
	if err := shows("/", ""); err == nil {
		t.Error("it is still served")
	}
}
