package main

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

// stream opens the stream of events, and returns a function that waits for an event other than the
// one before, or for the stream's end, which is "".
func stream(t *testing.T, addr string, c *cloakroomtest.Client) (next func() string) {
	t.Helper()
	resp, err := c.HTTP(http.DefaultClient).Get(addr + "/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatal(resp.Status, got)
	}
	lines := bufio.NewScanner(resp.Body)
	event, last := "", ""
	return func() string {
		for lines.Scan() {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "event":
				event = value
			case "data":
				if got := event + " " + value; got != last {
					last = got
					return got
				}
			}
		}
		return ""
	}
}

// TestEvents: the stream tells what another tab does, and ends with the session, however that ends.
func TestEvents(t *testing.T) {
	defer func(d time.Duration) { tellEvery = d }(tellEvery)
	tellEvery = time.Millisecond
	s := newShop(t, nil)
	server := httptest.NewServer(s)
	defer server.Close()
	owner := s.add("ann")
	for name, end := range map[string]func(*cloakroomtest.Client){
		"signed out": func(ann *cloakroomtest.Client) {
			s.do(ann, post("/sign-out"), http.StatusSeeOther, "/")
		},
		"revoked": func(*cloakroomtest.Client) {
			if _, err := s.site.sessions.RevokeOwned(t.Context(), owner); err != nil {
				t.Error(err)
			}
		},
		"idle": func(*cloakroomtest.Client) { s.store.Advance(31 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			ann := s.client(owner)
			next := stream(t, server.URL, ann)
			if got := next(); got != "cart 0" {
				t.Error(got)
			}
			s.do(ann, post("/cart", "item", "hat"), http.StatusSeeOther, "/")
			if got := next(); got != "cart 1" {
				t.Error(got)
			}
			end(ann)
			if got := next(); got != "end -" {
				t.Error(got)
			}
			if got := next(); got != "" {
				t.Error(got)
			}
		})
	}
	s.do(s.client(""), get("/events"), http.StatusNoContent, "")
}

// TestStop: a stream ends when the server is to.
func TestStop(t *testing.T) {
	s := newShop(t, nil)
	stopping, stop := context.WithCancel(t.Context())
	s.site.stopping = stopping.Done()
	server := httptest.NewServer(s)
	defer server.Close()
	next := stream(t, server.URL, s.client(s.add("ann")))
	if got := next(); got != "cart 0" {
		t.Error(got)
	}
	stop()
	if got := next(); got != "" {
		t.Error(got)
	}
}
