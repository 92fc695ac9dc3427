package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRun: the program serves, keeps users and sessions in its file, makes an admin, and ends.
func TestRun(t *testing.T) {
	configure(t, "")
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	form := url.Values{"login": {"ann"}, "password": {"correct horse"}}

	start(t, func(url, _ string) {
		if got := status(browser.PostForm(url+"/sign-up", form)); got != http.StatusOK {
			t.Error(got)
		}
		if got := status(browser.Get(url + "/account")); got != http.StatusOK {
			t.Error(got)
		}
	})
	if info, err := os.Stat(*file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Error("others may read the file:", info, err)
	}
	start(t, func(url, _ string) { // another process
		if got := status(browser.Get(url + "/admin")); got != http.StatusForbidden {
			t.Error(got)
		}
	})
	*admin = "ann"
	if err := run(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	*admin = ""
	start(t, func(url, _ string) {
		resp, err := browser.Get(url + "/admin") // signed out
		if err != nil || resp.Request.URL.Path != "/sign-in" {
			t.Error(resp, err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Strict-Transport-Security"); got != "" {
			t.Error("over plain HTTP:", got)
		}
		if got := status(browser.PostForm(url+"/sign-in", form)); got != http.StatusOK {
			t.Error(got)
		}
		if got := status(browser.Get(url + "/admin")); got != http.StatusOK {
			t.Error(got)
		}
	})
}

// TestMetrics: Prometheus reads of a sign-in, without who it was, at an address of its own.
func TestMetrics(t *testing.T) {
	configure(t, "127.0.0.1:0")
	start(t, func(shop, metrics string) {
		form := url.Values{"login": {"ann"}, "password": {"correct horse"}}
		if got := status(http.PostForm(shop+"/sign-up", form)); got != http.StatusOK {
			t.Error(got)
		}
		if got := status(http.Get(shop + "/metrics")); got != http.StatusNotFound {
			t.Error("the shop itself:", got)
		}
		resp, err := http.Get(metrics)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		signedIn := regexp.MustCompile(
			`(?m)^cloakroom_sessions_signed_in_total\{.*cloakroom_store_name="shop".*\} 1$`)
		if !signedIn.Match(text) || bytes.Contains(text, []byte("ann")) {
			t.Errorf("%s\n%s", resp.Status, text)
		}
	})
}

// TestTaken: where one address is taken, the program ends.
func TestTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	configure(t, taken.Addr().String())
	if err := run(t.Context(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it ended without an error")
	}
}

// TestConfig: the README's provider is one.
func TestConfig(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, config, _ := strings.Cut(string(readme), "SHOP_OAUTH='")
	config, _, _ = strings.Cut(config, "'")
	var p provider
	d := json.NewDecoder(strings.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || p.ClientID == "" || p.ClientSecret == "" ||
		p.Endpoint.AuthURL == "" || p.Endpoint.TokenURL == "" || p.UserURL == "" ||
		!strings.HasSuffix(p.RedirectURL, callback) {
		t.Error(p.ClientID, p.Endpoint, p.UserURL, p.RedirectURL, err)
	}
}

// configure sets the flags: a file of the test, and free ports.
func configure(t *testing.T, metricsAddr string) {
	*addr, *metrics, *plain = "127.0.0.1:0", metricsAddr, true
	*file = filepath.Join(t.TempDir(), "shop.db")
}

func status(resp *http.Response, err error) any {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// start runs the program, calls f with its addresses, and ends it. The jar knows no ports, so a
// browser goes on with another process.
func start(t *testing.T, f func(shop, metrics string)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	logged, ended := make(opened, 2), make(chan error, 1)
	go func() { ended <- run(ctx, slog.New(slog.NewJSONHandler(logged, nil))) }()
	urls := map[string]string{}
	for urls["shop"] == "" || urls["metrics"] == "" && *metrics != "" {
		select {
		case server := <-logged:
			urls[server.name] = "http://" + server.addr
		case err := <-ended:
			t.Fatal(err)
		}
	}
	f(urls["shop"], urls["metrics"])
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// opened takes the log, and gets the servers that have opened.
type opened chan struct{ name, addr string }

func (o opened) Write(b []byte) (int, error) {
	var line struct{ Msg, Server, Addr string }
	if err := json.Unmarshal(b, &line); err != nil {
		return 0, err
	}
	if line.Msg == "open" {
		o <- struct{ name, addr string }{line.Server, line.Addr}
	}
	return len(b), nil
}
