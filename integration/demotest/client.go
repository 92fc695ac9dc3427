package demotest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// cookieName is what the demo calls its cookie over plain HTTP.
const cookieName = "session"

// client keeps connections and no cookies: tests say which ticket a request has.
var client = &http.Client{
	Timeout:   2 * patience,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// Answer is the response to a request.
type Answer struct {
	Status    int
	Body      string
	SetCookie bool   // there was a cookie of ours
	Ticket    string // in that cookie; empty when it clears it
}

// Send sends a request such as "POST /set" with a form such as "value=V" and a ticket,
// which may be empty.
func Send(d *Demo, ticket, request, form string) (Answer, error) {
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(
		context.Background(), method, d.URL+path, strings.NewReader(form))
	if err != nil {
		return Answer{}, err
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if ticket != "" {
		r.Header.Set("Cookie", cookieName+"="+ticket)
	}
	resp, err := client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	a := Answer{Status: resp.StatusCode, Body: string(body)}
	for _, c := range resp.Cookies() {
		if c.Name == cookieName {
			a.SetCookie, a.Ticket = true, c.Value
		}
	}
	return a, err
}

// browser sends requests with the ticket that it last got. It is for one goroutine.
type browser struct {
	t      testing.TB
	ticket string
}

// do sends a request to one of the processes.
func (b *browser) do(d *Demo, request, form string) Answer {
	b.t.Helper()
	a, err := Send(d, b.ticket, request, form)
	if err != nil {
		b.t.Fatalf("%s: %v; the demo's log:\n%s", request, err, d.Log())
	}
	if a.SetCookie {
		b.ticket = a.Ticket
	}
	return a
}

// want sends a request and checks its answer.
func (b *browser) want(d *Demo, status int, text, request, form string) {
	b.t.Helper()
	if a := b.do(d, request, form); a.Status != status || a.Body != text {
		b.t.Errorf("%s %s: got %d %q, want %d %q", request, form, a.Status, a.Body, status, text)
	}
}

// background sends a request with the present ticket and returns at once.
func (b *browser) background(d *Demo, request, form string) <-chan Answer {
	answered, ticket := make(chan Answer, 1), b.ticket
	go func() {
		a, err := Send(d, ticket, request, form)
		if err != nil {
			a.Body = err.Error()
		}
		answered <- a
	}()
	return answered
}

// currentID returns the public ID of the signed-in session.
func (b *browser) currentID(d *Demo) string {
	b.t.Helper()
	var list []struct {
		ID      string `json:"id"`
		Current bool   `json:"current"`
	}
	a := b.do(d, "GET /sessions", "")
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil {
		b.t.Fatalf("GET /sessions: %d %q: %v", a.Status, a.Body, err)
	}
	for _, s := range list {
		if s.Current {
			return s.ID
		}
	}
	b.t.Fatalf("no session is the current one in %s", a.Body)
	return ""
}

// stats returns the counts of a process.
func stats(t testing.TB, d *Demo) map[string]int64 {
	t.Helper()
	a, err := Send(d, "", "GET /stats", "")
	if err != nil {
		t.Fatal(err)
	}
	var counts map[string]int64
	if err := json.Unmarshal([]byte(a.Body), &counts); err != nil || a.Status != http.StatusOK {
		t.Fatalf("GET /stats: %d %q: %v", a.Status, a.Body, err)
	}
	return counts
}

// difference returns the counts that changed, and by how much.
func difference(before, after map[string]int64) map[string]int64 {
	changed := map[string]int64{}
	for name, n := range after {
		if n != before[name] {
			changed[name] = n - before[name]
		}
	}
	return changed
}

// slow begins a POST /slow and returns when it has read its session, which the counts of
// loads show. Nothing else may use the process meanwhile.
func (b *browser) slow(d *Demo, ms int, key, value string) <-chan Answer {
	b.t.Helper()
	before := stats(b.t, d)["loads"]
	form := url.Values{"ms": {fmt.Sprint(ms)}, "key": {key}, "value": {value}}
	answered := b.background(d, "POST /slow", form.Encode())
	for end := time.Now().Add(patience); stats(b.t, d)["loads"] == before; {
		if time.Now().After(end) {
			b.t.Fatal("POST /slow did not load its session")
		}
		time.Sleep(5 * time.Millisecond)
	}
	return answered
}

// sendRaw sends GET path with a Cookie header of any bytes, which net/http would refuse
// to send, and returns the status line.
func sendRaw(t testing.TB, d *Demo, path, cookie string) string {
	t.Helper()
	dialer, addr := net.Dialer{Timeout: patience}, strings.TrimPrefix(d.URL, "http://")
	conn, err := dialer.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	const request = "GET %s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\nConnection: close\r\n\r\n"
	if _, err := fmt.Fprintf(conn, request, path, cookie); err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(response), "\r\n")
	return line
}
