// Package hostile sends requests that no browser would send to the running demo.
package hostile

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
)

func TestMain(m *testing.M) { os.Exit(demotest.Main(m)) }

// requests is the number of requests in a run.
const requests = 3000

// TestRequests: whatever is sent, the demo answers like a server, calls its store only
// for well-formed tickets, sets no cookie unasked, and goes on serving others.
func TestRequests(t *testing.T) {
	d := demotest.Start(t, "--store", "file:"+t.TempDir())
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	lots := rand.New(rand.NewPCG(uint64(seed), 0))
	good := begin(t, d)
	for range requests {
		raw, reaches := draw(lots, good)
		before := calls(t, d)
		status, header, err := send(d, raw)
		if err != nil {
			t.Fatalf("%.300q: %v", raw, err)
		}
		o := outcome{
			brought: brought{reaches: reaches}, effect: effect{called: calls(t, d) != before},
			status: status, header: header,
		}
		for _, wrong := range o.wrong(raw) {
			t.Errorf("%.300q: %s", raw, wrong)
		}
	}
	if a, err := demotest.Send(d, good, "GET /get", ""); err != nil || a.Body != secret {
		t.Errorf("after all that a visitor got %q, %v", a.Body, err)
	}
	for _, wrong := range (outcome{log: d.Log(), brought: brought{reaches: true}}).wrong([]byte(good)) {
		t.Error(wrong)
	}
}

func begin(t *testing.T, d *demotest.Demo) string {
	t.Helper()
	a, err := demotest.Send(d, "", "POST /set", "value="+secret)
	if err != nil || a.Ticket == "" {
		t.Fatalf("%+v, %v", a, err)
	}
	return a.Ticket
}

func calls(t *testing.T, d *demotest.Demo) string {
	t.Helper()
	a, err := demotest.Send(d, "", "GET /stats", "")
	if err != nil || !json.Valid([]byte(a.Body)) {
		t.Fatalf("GET /stats: %q, %v", a.Body, err)
	}
	return a.Body
}

// draw returns a random request, and whether it has a well-formed ticket of ours.
func draw(lots *rand.Rand, good string) (raw []byte, reaches bool) {
	var b bytes.Buffer
	paths := []string{"/get", "/get", "/value?key=a", "/ping", "/sessions", "/../get", "/get?" + strings.Repeat("a", lots.IntN(4000)), "/%00", "*"}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", []string{"GET", "GET", "HEAD", "OPTIONS"}[lots.IntN(4)], paths[lots.IntN(len(paths))])
	for range lots.IntN(4) { // several Cookie headers
		var parts []string
		for range 1 + lots.IntN(3) { // duplicated cookies
			value, ours := drawTicket(lots, good)
			name := []string{"session", "session", "session", "Session", "session ", "__Host-session", "session\t"}[lots.IntN(7)]
			quoted := lots.IntN(10) == 0
			if quoted {
				value = `"` + value + `"`
			}
			reaches = reaches || ours && !quoted && name == "session"
			parts = append(parts, name+"="+value)
		}
		header := []string{"Cookie", "cookie", "COOKIE"}[lots.IntN(3)]
		fmt.Fprintf(&b, "%s: %s\r\n", header, strings.Join(parts, []string{"; ", ";", ";;", " ; "}[lots.IntN(4)]))
	}
	switch lots.IntN(12) {
	case 0:
		fmt.Fprintf(&b, "X-Huge: %s\r\n", strings.Repeat("h", 100_000))
	case 1:
		b.WriteString("Accept-Encoding: \xff\xfe, gzip;q=\x80\r\n")
	case 2:
		b.WriteString("Content-Length: 5\r\n\r\n\x00\x01\x02\x03\x04")
		return b.Bytes(), reaches
	case 3:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n")
		return b.Bytes(), reaches
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.Bytes(), reaches
}

// drawTicket returns the value of a cookie, and whether it is spelled as a ticket.
func drawTicket(lots *rand.Rand, good string) (value string, ours bool) {
	random := make([]byte, 32)
	for i := range random {
		random[i] = byte(lots.Uint32())
	}
	fresh := base64.RawURLEncoding.EncodeToString(random)
	switch lots.IntN(12) {
	case 0:
		return good, true
	case 1:
		return fresh, true
	case 2: // other spellings of the same bits
		return fresh[:42] + string("BCDFGHJKLNOP"[lots.IntN(12)]), false
	case 3:
		return fresh + "=", false
	case 4:
		return strings.Repeat("A", 5000), false
	case 5:
		return fresh[:lots.IntN(43)], false
	case 6:
		return "", false
	case 7:
		return fresh[:20] + "\x00" + fresh[21:], false
	case 8:
		return fresh[:20] + "+/" + fresh[22:], false
	case 9:
		return base64.StdEncoding.EncodeToString(random), false
	case 10:
		return string(random), false
	}
	return strings.ToUpper(fresh) + fresh, false
}

// send writes a request as it is, and returns the response. A connection that the server
// closes without a response will do.
func send(d *demotest.Demo, raw []byte) (status int, header http.Header, err error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.URL, "http://"))
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, nil, err
	}
	if _, err := conn.Write(raw); err != nil {
		return 0, http.Header{}, nil // it did not want to read on
	}
	method, _, _ := strings.Cut(string(raw), " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return 0, nil, err
	}
	if err != nil {
		return 0, http.Header{}, nil
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header, nil
}
