package demo

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/countstore"
)

func TestPage(t *testing.T) {
	s := serve(t, nil)
	b := s.browser(t)
	for path, kind := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml"} {
		status, body, header := b.do("GET "+path, "")
		if status != 200 || body == "" || !strings.HasPrefix(header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d, %d bytes of %s", path, status, len(body), header.Get("Content-Type"))
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options"} {
			if header.Get(name) == "" {
				t.Errorf("%s has no %s", path, name)
			}
		}
		if policy := header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if strings.Contains(body, " style=") || strings.Contains(body, " onclick=") {
			t.Errorf("%s has inline style or script, which the policy forbids", path)
		}
	}
	if n := s.counted.Stats(); n != (countstore.Stats{}) {
		t.Errorf("the files cost store calls: %+v", n)
	}
	page := func() pageState {
		t.Helper()
		before := s.counted.Stats()
		var p pageState
		if status, body, _ := b.do("GET /page.json", ""); status != 200 || json.Unmarshal([]byte(body), &p) != nil {
			t.Fatalf("%d %s", status, body)
		}
		after := s.counted.Stats()
		if loads := after.Loads - before.Loads; loads > 1 || after.Replaces != before.Replaces || after.Touches != before.Touches {
			t.Errorf("the page cost %+v after %+v", after, before)
		}
		return p
	}
	if p := page(); p.Session != nil || p.Devices != nil || p.Idle != 1800 || p.Lifetime != 43200 || p.Store != "memory" {
		t.Errorf("without a session: %+v", p)
	}
	b.want(200, "value set", "POST /set", "value=hat")
	b.want(200, "1", "POST /incr", "key=counter")
	p := page()
	if p.Session == nil || *p.Session.Value != "hat" || p.Session.Counter != 1 || p.Session.AuthenticatedAt != nil || p.Devices != nil {
		t.Errorf("signed out: %+v", p.Session)
	}
	b.want(200, "ok", "POST /login", "user=ada")
	if p = page(); p.Session.Owner != "ada" || p.Session.AuthenticatedAt == nil || len(p.Devices.Sessions) != 1 || !p.Devices.Sessions[0].Current {
		t.Errorf("signed in: %+v %+v", p.Session, p.Devices)
	}
}
