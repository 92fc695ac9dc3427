package hostile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// placeholder stands for the ticket of a live session. stranger is a ticket that was
// never handed out.
const (
	placeholder = "TICKET"
	stranger    = "0123456789012345678901234567890123456789_-A"
)

// FuzzRequest: whatever bytes come over a connection, the site answers like a server,
// calls its store only for well-formed tickets, adopts none that it did not hand out,
// shows no other session's data, and goes on serving.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /get HTTP/1.1\r\nHost: h\r\nCookie: session=TICKET\r\n\r\n",
		"GET /get HTTP/1.1\r\nHost: h\r\nCookie: session=" + stranger + "; session=TICKET\r\nCookie: session=TICKET\r\n\r\n",
		"GET /get HTTP/1.1\r\nHost: h\r\nCookie: session=\"" + stranger + "\"; session =x;; Session=" + stranger + "\r\n\r\n",
		"GET /get HTTP/1.1\r\nHost: h\r\nCookie: session=" + strings.Repeat("A", 5000) + "\r\n\r\n",
		"GET /get HTTP/1.1\r\nHost: h\r\ncookie: session=" + stranger[:42] + "B\r\nCOOKIE: session=\x00\xff\r\n\r\n",
		"POST /set HTTP/1.1\r\nHost: h\r\nCookie: session=" + stranger + "\r\nContent-Length: 7\r\n\r\nvalue=a",
		"POST /set HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nvalue=a",
		"POST /set HTTP/1.1\r\nHost: h\r\nCookie: session=TICKET\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nvalue=a\r\n0\r\n\r\n",
		"POST /login HTTP/1.1\r\nHost: h\r\nCookie: session=" + stranger + "\r\nContent-Length: 0\r\n\r\n",
		"POST /logout HTTP/1.1\r\nHost: h\r\nCookie: session=" + stranger + "\r\nContent-Length: 0\r\n\r\n",
		"HEAD /quiet HTTP/1.1\r\nHost: h\r\nCookie: session=TICKET\r\n\r\nGET /get HTTP/1.0\r\n\r\n",
		"GET /%00/../get?a=b HTTP/1.1\r\nHost: h\r\nX-Huge: " + strings.Repeat("h", 5000) + "\r\nAccept-Encoding: \xff\xfe, gzip;q=\x80\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
		"\x16\x03\x01 not HTTP\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	s := startSite(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		good := s.session(t)
		raw = bytes.ReplaceAll(raw, []byte(placeholder), []byte(good))
		for _, wrong := range s.ask(t, raw, good).wrong(raw) {
			t.Errorf("%.2000q: %s", raw, wrong)
		}
	})
}

// site is a web site in this process, for one client at a time. What it logged and what
// its store was asked are those of the latest request.
type site struct {
	addr   string
	log    record
	wrote  atomic.Bool // a handler was asked to store something, or to end it
	client http.Client // for what is sent besides
	ticket string      // of the session with the secret

	mu      sync.Mutex
	called  bool
	loaded  map[string]bool
	adopted bool
}

// startSite starts one, until the tests end.
func startSite(f *testing.F) *site {
	s := &site{loaded: map[string]bool{}, client: http.Client{Timeout: answerTime, Transport: &http.Transport{}}}
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	f.Cleanup(func() { store.Close() })
	watched := storetest.NewFaulty(store)
	watched.Decide = func(op storetest.Op, id string) storetest.Fault {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.called = true
		switch op {
		case storetest.OpLoad:
			s.loaded[id] = true
		case storetest.OpCreate:
			s.adopted = s.adopted || s.loaded[id]
		}
		return storetest.Fault{}
	}
	sessions, err := cloakroom.New(watched, cloakroom.Options{InsecureCookie: true, Logger: slog.New(slog.NewTextHandler(&s.log, nil))})
	if err != nil {
		f.Fatal(err)
	}
	server := httptest.NewUnstartedServer(sessions.Handler(s.routes(sessions)))
	server.Config.ErrorLog = log.New(&s.log, "", 0)
	server.Start()
	f.Cleanup(func() {
		s.client.CloseIdleConnections()
		server.Close()
	})
	s.addr = server.Listener.Addr().String()
	return s
}

// routes are those that read, those that write, and one that does not touch its session.
func (s *site) routes(sessions *cloakroom.Manager) http.Handler {
	const value, note = cloakroom.Key[string]("value"), cloakroom.Key[string]("note")
	mux := http.NewServeMux()
	mux.HandleFunc("/quiet", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /get", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, value.Get(sessions.Get(r)))
	})
	writing := func(pattern string, do func(*cloakroom.Session, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.wrote.Store(true)
			if err := do(sessions.Get(r), r); err != nil && r.Context().Err() == nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	writing("POST /set", func(session *cloakroom.Session, r *http.Request) error {
		note.Set(session, strings.ToValidUTF8(r.FormValue("value"), ""))
		return nil
	})
	writing("POST /begin", func(session *cloakroom.Session, _ *http.Request) error {
		value.Set(session, secret)
		return nil
	})
	writing("POST /login", func(session *cloakroom.Session, _ *http.Request) error { return session.Login("ann") })
	writing("POST /logout", func(session *cloakroom.Session, _ *http.Request) error { return session.Logout() })
	return mux
}

// session returns the ticket of a session with the secret: the same until a request ends it.
func (s *site) session(t *testing.T) string {
	t.Helper()
	ask := func(method, path string) (string, *http.Response) {
		r, err := http.NewRequestWithContext(context.Background(), method, "http://"+s.addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "session="+s.ticket)
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body), resp
	}
	if body, _ := ask(http.MethodGet, "/get"); body == secret {
		return s.ticket
	}
	s.ticket = ""
	_, resp := ask(http.MethodPost, "/begin")
	for _, c := range resp.Cookies() {
		s.ticket = c.Value
	}
	if body, _ := ask(http.MethodGet, "/get"); body != secret {
		t.Fatalf("a new session holds %q", body)
	}
	return s.ticket
}

// answerTime bounds the wait for a response and for the end of a connection. It is
// shorter than the ten seconds after which fuzzing gives up.
const answerTime = 8 * time.Second

// ask sends a request and returns its outcome.
func (s *site) ask(t *testing.T, raw []byte, good string) outcome {
	t.Helper()
	s.wrote.Store(false)
	s.log.take()
	s.mu.Lock()
	s.called, s.adopted, s.loaded = false, false, map[string]bool{}
	s.mu.Unlock()
	o := outcome{brought: brought{
		reaches: len(tickets(raw)) > 0,
		owns:    bytes.Contains(raw, []byte(good)),
		hangsUp: breaksOff(raw),
	}}
	if err := o.exchange(s.addr, raw); err != nil {
		t.Fatalf("%.2000q: %v", raw, err)
	}
	o.log, o.writes = s.log.take(), s.wrote.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	o.called, o.adopted = s.called, s.adopted
	return o
}

// breaksOff reports whether the end of a request is missing, as far as a server can tell.
func breaksOff(raw []byte) bool {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
	}
	return err != nil
}

// exchange sends bytes over a connection of their own, and reads until the server closes
// it.
func (o *outcome) exchange(addr string, raw []byte) error {
	conn, err := (&net.Dialer{Timeout: answerTime}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	go func() { // the server may answer, and close, before it has read everything
		_, _ = conn.Write(raw)
		if o.hangsUp {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	method, _, _ := strings.Cut(string(raw), " ")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	for err == nil && resp.StatusCode < http.StatusOK {
		resp, err = http.ReadResponse(r, &http.Request{Method: method})
	}
	if err == nil {
		o.status, o.header = resp.StatusCode, resp.Header
		var body []byte
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		o.rest = string(body)
	}
	if err == nil {
		_ = conn.(*net.TCPConn).CloseWrite()
		var more []byte
		more, err = io.ReadAll(r)
		o.rest += string(more)
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return nil
}

// record is a log that can be read while it is written.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

// take returns what was written since the last time.
func (r *record) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.b.Reset()
	return r.b.String()
}
