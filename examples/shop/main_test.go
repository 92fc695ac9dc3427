package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun: the program serves, keeps users and sessions in its file, makes an admin, and ends.
func TestRun(t *testing.T) {
	*addr, *file, *plain = "127.0.0.1:0", filepath.Join(t.TempDir(), "shop.db"), true
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	form := url.Values{"login": {"ann"}, "password": {"correct horse"}}

	start(t, func(url string) {
		if got := status(browser.PostForm(url+"/sign-up", form)); got != http.StatusOK {
			t.Error(got)
		}
		if got := status(browser.Get(url + "/account")); got != http.StatusOK {
			t.Error(got)
		}
	})
	start(t, func(url string) { // another process
		if got := status(browser.Get(url + "/admin")); got != http.StatusForbidden {
			t.Error(got)
		}
	})
	*admin = "ann"
	defer func() { *admin = "" }()
	if err := run(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	*admin = ""
	start(t, func(url string) {
		resp, err := browser.Get(url + "/admin") // signed out
		if err != nil || resp.Request.URL.Path != "/sign-in" {
			t.Error(resp, err)
		}
		resp.Body.Close()
		if got := status(browser.PostForm(url+"/sign-in", form)); got != http.StatusOK {
			t.Error(got)
		}
		if got := status(browser.Get(url + "/admin")); got != http.StatusOK {
			t.Error(got)
		}
	})
}

func status(resp *http.Response, err error) any {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// start runs the program, calls f with its address, and ends it. The jar knows no ports, so a
// browser goes on with another process.
func start(t *testing.T, f func(url string)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	logged, ended := make(opened, 1), make(chan error, 1)
	go func() { ended <- run(ctx, slog.New(slog.NewJSONHandler(logged, nil))) }()
	select {
	case addr := <-logged:
		f("http://" + addr)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	case err := <-ended:
		stop()
		t.Fatal(err)
	}
}

// opened takes the log, and gets the address at which the shop has opened.
type opened chan string

func (o opened) Write(b []byte) (int, error) {
	var line struct{ Msg, Addr string }
	if err := json.Unmarshal(bytes.TrimSpace(b), &line); err != nil {
		return 0, err
	}
	if strings.Contains(line.Msg, "is open") {
		o <- line.Addr
	}
	return len(b), nil
}
