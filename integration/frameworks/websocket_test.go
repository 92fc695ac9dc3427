package frameworks

import (
	"context"
	"net/http"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/cloakroom-go/cloakroom"
)

// websockets are ways to accept a WebSocket and send one message over it, in a session
// whose value was set.
var websockets = map[string]func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) error{
	"coder": func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) error {
		c, err := coder.Accept(w, r, nil) // it sends the cookie with its 101
		if err != nil {
			return err
		}
		defer c.CloseNow()
		return c.Write(r.Context(), coder.MessageText, []byte("hello "+name.Get(s)))
	},
	"gorilla": func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) error {
		if err := s.Save(); err != nil {
			return err
		}
		header := make(http.Header) // it writes its answer to the connection, with this
		for _, c := range s.Cookies() {
			header.Add("Set-Cookie", c.String())
		}
		u := gorilla.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		c, err := u.Upgrade(w, r, header)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.WriteMessage(gorilla.TextMessage, []byte("hello "+name.Get(s)))
	},
}

// TestWebSockets: a WebSocket opens with a new session and with an old one, inside and
// outside of each wrapper.
func TestWebSockets(t *testing.T) {
	for library, accept := range websockets {
		t.Run(library, func(t *testing.T) {
			sides(t, []bool{false}, func(t *testing.T, serve func(http.HandlerFunc) *client, m *cloakroom.Manager) {
				c := serve(func(w http.ResponseWriter, r *http.Request) {
					s := m.Get(r)
					name.Set(s, "ann")
					if err := accept(w, r, s); err != nil {
						t.Error(err)
					}
				})
				for _, cookies := range []int{1, 0} {
					conn, resp, err := coder.Dial(context.Background(), strings.Replace(c.url, "https:", "wss:", 1)+"/x", &coder.DialOptions{HTTPClient: c.Client})
					if err != nil {
						t.Fatal(err)
					}
					_, message, err := conn.Read(context.Background())
					if string(message) != "hello ann" || len(resp.Cookies()) != cookies {
						t.Errorf("%q, %v, %d cookies, want %d", message, err, len(resp.Cookies()), cookies)
					}
					conn.CloseNow()
				}
			})
		})
	}
}

// TestWebSocketRefused: gorilla's upgrade without the cookie fails instead of losing it.
func TestWebSocketRefused(t *testing.T) {
	m := manager(t)
	c := newClient(t, m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name.Set(m.Get(r), "ann")
		u := gorilla.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		if _, err := u.Upgrade(w, r, nil); err == nil || !strings.Contains(err.Error(), "Session.Save") {
			t.Error(err)
		}
	})), false)
	_, resp, err := coder.Dial(context.Background(), strings.Replace(c.url, "https:", "wss:", 1), &coder.DialOptions{HTTPClient: c.Client})
	if err == nil || resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("%v, %v", resp, err)
	}
}
