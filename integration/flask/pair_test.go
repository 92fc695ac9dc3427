package flask_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// pair is an application in Python and one in Go, with the same settings on the same
// store.
type pair struct{ python, golang side }

// side is one of a pair.
type side struct {
	name string
	url  string
}

func (p pair) other(s side) side {
	if s == p.python {
		return p.golang
	}
	return p.python
}

// start serves every set of settings in Python and in Go.
func start(t *testing.T, all ...map[string]any) []pair {
	t.Helper()
	return startWith(t, servers.Flask(t), all...)
}

// startWith is start with a Python interpreter, which may have a former release.
func startWith(t *testing.T, python string, all ...map[string]any) []pair {
	t.Helper()
	settings, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/app.py", string(settings))
	cmd.Env = append(os.Environ(), "PYTHONWARNINGS=ignore")
	var errs locked
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // it ends then
		time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(errs.tail())
		}
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("Flask did not begin: %v", err)
	}
	mux := http.NewServeMux()
	for i := range all {
		prefix := fmt.Sprintf("/%d", i)
		mux.Handle(prefix+"/", http.StripPrefix(prefix, newSite(t, all[i])))
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	pairs := make([]pair, len(all))
	for i := range all {
		pairs[i] = pair{
			python: side{"Python", fmt.Sprintf("http://127.0.0.1:%s/%d", strings.TrimSpace(port), i)},
			golang: side{"Go", fmt.Sprintf("%s/%d", server.URL, i)},
		}
	}
	return pairs
}

// locked is what a process wrote to its error output.
type locked struct {
	mu sync.Mutex
	b  []byte
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	return len(p), nil
}

func (l *locked) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b[max(0, len(l.b)-8000):])
}

// answer is the response to a request.
type answer struct {
	status  int
	body    string
	header  http.Header
	cookies []*http.Cookie
}

// client follows no redirect and keeps no cookies: tests say which ones a request has.
var client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

// send sends a request such as "POST /set name=a&value=1" with a cookie, unless that is empty.
func send(s side, cookie, request string) (answer, error) {
	return sendWith(s, cookies(cookie, nil), request)
}

// cookies returns the header Cookie: the session's, unless that is empty, and others.
func cookies(session string, others map[string]string) string {
	var all []string
	if session != "" {
		all = append(all, "session="+session)
	}
	for name, value := range others {
		all = append(all, name+"="+value)
	}
	return strings.Join(all, "; ")
}

// sendWith sends a request with the header Cookie, unless that is empty.
func sendWith(s side, cookies, request string) (answer, error) {
	method, rest, _ := strings.Cut(request, " ")
	path, form, _ := strings.Cut(rest, " ")
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(form))
	if err != nil {
		return answer{}, err
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(body), resp.Header, resp.Cookies()}, err
}

// browser keeps its cookies, and visits either side.
type browser struct {
	t      *testing.T
	cookie string            // the session's
	others map[string]string // by name, such as remember_token
}

// do sends a request, and fails unless the status is 200.
func (b *browser) do(s side, request string) answer {
	b.t.Helper()
	a := b.try(s, request)
	if a.status != http.StatusOK {
		b.t.Fatalf("%s: %s: %d %.300s", s.name, request, a.status, a.body)
	}
	return a
}

// try sends a request, whatever the status is.
func (b *browser) try(s side, request string) answer {
	b.t.Helper()
	a, err := sendWith(s, cookies(b.cookie, b.others), request)
	if err != nil {
		b.t.Fatalf("%s: %s: %v", s.name, request, err)
	}
	b.keep(a)
	return a
}

func (b *browser) keep(a answer) {
	for _, c := range a.cookies {
		switch {
		case c.Name == "session":
			b.cookie = c.Value
		case c.Value == "" || c.MaxAge < 0:
			delete(b.others, c.Name)
		default:
			if b.others == nil {
				b.others = map[string]string{}
			}
			b.others[c.Name] = c.Value
		}
	}
}

func (b *browser) set(s side, name, value string) {
	b.t.Helper()
	b.do(s, "POST /set "+url.Values{"name": {name}, "value": {value}}.Encode())
}

// holds fails unless a side finds this value, as JSON, under a name.
func (b *browser) holds(s side, name, value string) {
	b.t.Helper()
	got := b.do(s, "GET /get?name="+url.QueryEscape(name)).body
	if !sameJSON(got, value) {
		b.t.Errorf("%s finds %s=%s, want %s", s.name, name, got, value)
	}
}

func (b *browser) answers(s side, request, want string) {
	b.t.Helper()
	if got := b.do(s, request).body; !sameJSON(got, want) {
		b.t.Errorf("%s answers %s with %s, want %s", s.name, request, got, want)
	}
}

func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	plain := func(s string) string {
		var v any
		if json.Unmarshal([]byte(s), &v) != nil {
			return s
		}
		text, _ := json.Marshal(v)
		return string(text)
	}
	return plain(a) == plain(b)
}
