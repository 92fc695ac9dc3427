package cloakroom_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// server serves one handler of the site over real HTTP, and returns a client with a
// cookie jar.
func (s *site) server(h handlerFunc) (*httptest.Server, *http.Client) {
	s.t.Helper()
	return s.serve(s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(w, r, s.m.Get(r))
	})))
}

func (s *site) serve(h http.Handler) (*httptest.Server, *http.Client) {
	s.t.Helper()
	server := httptest.NewServer(h)
	s.t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := server.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return server, client
}

// fetch performs a GET and returns the response and its body.
func (s *site) fetch(client *http.Client, url string) (*http.Response, string) {
	s.t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Error(err)
	}
	return resp, string(body)
}

// stored returns the value that the cookie in a response leads to.
func (s *site) stored(resp *http.Response, k cloakroom.Key[string]) string {
	s.t.Helper()
	tab := s.browser()
	for _, c := range resp.Cookies() {
		tab.cookie = c.Value
	}
	if tab.cookie == "" {
		s.t.Errorf("no cookie was set\n%s", s.log)
	}
	return tab.value(k)
}

func TestFlushBeforeWrite(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	server, client := s.server(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "1")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		io.WriteString(w, "done")
	})
	resp, body := s.fetch(client, server.URL)
	if body != "done" || s.stored(resp, a) != "1" {
		t.Errorf("body %q", body)
	}
}

func TestEarlyHints(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	server, client := s.server(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		a.Set(s, "1")
		w.WriteHeader(http.StatusAccepted)
	})
	hints := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints++
		if code != http.StatusEarlyHints || h.Get("Set-Cookie") != "" {
			t.Errorf("hint %d %v", code, h)
		}
		return nil
	}})
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if hints != 1 || resp.StatusCode != http.StatusAccepted || s.stored(resp, a) != "1" {
		t.Errorf("%d hints, status %d", hints, resp.StatusCode)
	}
}

func TestHijack(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	const answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	server, client := s.server(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		isNew := s.IsNew()
		a.Set(s, r.URL.Query().Get("v"))
		conn, rw, err := http.NewResponseController(w).Hijack()
		if isNew != errors.Is(err, cloakroom.ErrHeaderSent) {
			t.Errorf("hijack, session new %v: %v", isNew, err)
		}
		cookie := ""
		if err != nil {
			if err := s.Save(); err != nil {
				t.Error(err)
			}
			cookie = "Set-Cookie: " + s.Cookie().String() + "\r\n"
			if conn, rw, err = http.NewResponseController(w).Hijack(); err != nil {
				t.Error(err)
				return
			}
		}
		defer conn.Close()
		io.WriteString(rw, answer+cookie+"\r\n")
		rw.Flush()
		b.Set(s, "after") // the socket goes on
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	resp, _ := s.fetch(client, server.URL+"/?v=1")
	if v := s.stored(resp, a); v != "1" {
		t.Errorf("a=%q", v)
	}
	tab := s.browser()
	tab.cookie = resp.Cookies()[0].Value
	s.fetch(client, server.URL+"/?v=2")
	if x, y := tab.value(a), tab.value(b); x != "2" || y != "after" {
		t.Errorf("a=%q b=%q", x, y)
	}
}

// TestHijackLate: a socket that closes late does not undo a sign-out.
func TestHijackLate(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	opened, closing := make(chan struct{}), make(chan struct{})
	finished := make(chan struct{})
	server, client := s.server(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		defer close(finished)
		a.Get(s)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		close(opened)
		<-closing
		a.Set(s, "late")
		if err := s.KeepAlive(); err != nil {
			t.Errorf("KeepAlive of a session that is not due: %v", err)
		}
		if err := s.Reload(); !errors.Is(err, cloakroom.ErrEnded) {
			t.Errorf("Reload: %v, want ErrEnded", err)
		}
	})
	go func() {
		r, _ := http.NewRequest(http.MethodGet, server.URL, nil)
		r.Header.Set("Cookie", "session="+tab.cookie)
		if resp, err := client.Do(r); err == nil {
			resp.Body.Close()
		}
	}()
	<-opened
	old := tab.other()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
	close(closing)
	<-finished
	server.Close()
	if v := old.value(a); v != "" {
		t.Errorf("a=%q: the session is back", v)
	}
}

func TestServerSentEvents(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	next := make(chan struct{})
	server, client := s.server(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		for range 3 {
			if err := s.Reload(); err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "data: %s\n\n", a.Get(s))
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			<-next
		}
		b.Set(s, "streamed") // after the header left, in a session that has its cookie
	})
	r, _ := http.NewRequest(http.MethodGet, server.URL, nil)
	r.Header.Set("Cookie", "session="+tab.cookie)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := 1; i <= 3; i++ {
		if lines.Scan(); lines.Text() != fmt.Sprintf("data: %d", i) {
			t.Errorf("event %d: %q", i, lines.Text())
		}
		lines.Scan()
		tab.set(a, fmt.Sprint(i+1))
		next <- struct{}{}
	}
	if lines.Scan() {
		t.Errorf("more: %q", lines.Text())
	}
	server.Close()
	if x, y := tab.value(a), tab.value(b); x != "4" || y != "streamed" {
		t.Errorf("a=%q b=%q", x, y)
	}
}

func TestReadFrom(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	path := filepath.Join(t.TempDir(), "file")
	content := strings.Repeat("0123456789", 100_000)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]func(http.ResponseWriter, *http.Request){
		"io.Copy": func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if _, err := io.Copy(w, f); err != nil {
				t.Error(err)
			}
		},
		"ServeFile": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) },
	} {
		t.Run(name, func(t *testing.T) {
			server, client := s.server(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				a.Set(s, "1")
				h(w, r)
			})
			resp, body := s.fetch(client, server.URL)
			if body != content || s.stored(resp, a) != "1" {
				t.Errorf("body of %d bytes", len(body))
			}
		})
	}
	t.Run("Range", func(t *testing.T) {
		server, client := s.server(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
			a.Set(s, "1")
			http.ServeFile(w, r, path)
		})
		r, _ := http.NewRequest(http.MethodGet, server.URL, nil)
		r.Header.Set("Range", "bytes=5-9")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusPartialContent || string(body) != "56789" || s.stored(resp, a) != "1" {
			t.Errorf("status %d, body %q", resp.StatusCode, body)
		}
	})
}

func TestHEAD(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	server, client := s.server(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "1")
		io.WriteString(w, "body")
	})
	resp, err := client.Head(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || s.stored(resp, a) != "1" {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestHangUp: a client that hangs up does not abort the commit.
func TestHangUp(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	started, finished := make(chan struct{}), make(chan struct{})
	server, client := s.server(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		a.Set(s, "2")
		close(started)
		<-r.Context().Done()
		w.WriteHeader(200)
		close(finished)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	r.Header.Set("Cookie", "session="+tab.cookie)
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close()
		t.Error("the client got an answer")
	}
	<-finished
	if v := tab.value(a); v != "2" {
		t.Errorf("a=%q: the commit was aborted", v)
	}
}

// TestPanic: a panic discards what was not committed, and goes on up.
func TestPanic(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	for name, h := range map[string]handlerFunc{
		"before the response": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Set(s, "2")
			panic("on purpose")
		},
		"in an update": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Update(s, func(string) string { panic("on purpose") })
		},
		"in UpdateNow": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.UpdateNow(s, func(string) string { panic("on purpose") })
		},
		"in Transact": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			s.Transact(func(*cloakroom.Tx) error { panic("on purpose") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() {
					if p := recover(); p != "on purpose" {
						t.Errorf("recovered %v", p)
					}
				}()
				tab.do(h)
			}()
			if v := tab.value(a); v != "1" {
				t.Errorf("a=%q", v)
			}
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				if err := s.Transact(func(*cloakroom.Tx) error { return nil }); err != nil {
					t.Errorf("the session is stuck: %v", err)
				}
			})
		})
	}
}

func TestWriteHeaderTwice(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	w := tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "1")
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusTeapot)
	})
	if w.Code != http.StatusCreated || len(w.Result().Cookies()) != 1 || tab.value(a) != "1" {
		t.Errorf("status %d, %d cookies, a=%q", w.Code, len(w.Result().Cookies()), tab.value(a))
	}
}

// TestHijackKeepsClearing: a hijack is refused while a sign-out has cookies to clear, also where
// the browser sent none of ours.
func TestHijackKeepsClearing(t *testing.T) {
	p := shared()
	p.ClearCookies = []*http.Cookie{{Name: "remember", Path: "/"}}
	s := newSite(t, cloakroom.Options{Profile: p})
	r := s.browser().request()
	r.AddCookie(&http.Cookie{Name: "remember", Value: "1"})
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.Get(r).Logout(); err != nil {
			t.Error(err)
		}
		if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, cloakroom.ErrHeaderSent) {
			t.Error(err)
		}
	})).ServeHTTP(canHijack{httptest.NewRecorder()}, r)
}

// canHijack is a response writer whose Hijack must not be reached.
type canHijack struct{ http.ResponseWriter }

func (canHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("the connection was handed over")
}
