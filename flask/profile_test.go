package flask_test

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

const color = cloakroom.Key[string]("color")

// newManager returns a manager with these settings besides the type, and its store.
func newManager(t *testing.T, settings map[string]any) (*cloakroom.Manager, *countstore.Store) {
	t.Helper()
	all := map[string]any{"SESSION_TYPE": "redis"}
	for name, v := range settings {
		all[name] = v
	}
	c, err := flask.FromMap(all)
	if err != nil {
		t.Fatal(err)
	}
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	store := countstore.New(memory)
	o, err := c.Options()
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(slog.DiscardHandler)
	m, err := cloakroom.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, store
}

func save(t *testing.T, m *cloakroom.Manager, ticket string, change func(*cloakroom.Session)) (string, error) {
	t.Helper()
	s := m.Open(t.Context(), ticket)
	defer s.Close()
	change(s)
	err := s.Save()
	if c := s.Cookie(); c != nil {
		ticket = c.Value
	}
	return ticket, err
}

// An id that Flask-Session would look up is looked up, and nothing else.
func TestIDs(t *testing.T) {
	m, store := newManager(t, nil)
	calls := func(ticket string) int64 {
		before := store.Stats().Loads
		s := m.Open(t.Context(), ticket)
		defer s.Close()
		color.Get(s)
		return store.Stats().Loads - before
	}
	for _, id := range []string{strings.Repeat("A", 22), strings.Repeat("-", 43), strings.Repeat("_", 171), "3fa85f64-5717-4562-b3fc-2c963f66afa6"} {
		if calls(id) != 1 {
			t.Errorf("%q was not looked up", id)
		}
	}
	for _, id := range []string{"", "A", strings.Repeat("A", 21), strings.Repeat("A", 172), strings.Repeat("A", 42) + "=", strings.Repeat("A", 42) + ".", strings.Repeat("A", 42) + "ä", "../" + strings.Repeat("A", 40)} {
		if calls(id) != 0 {
			t.Errorf("%q reached the store", id)
		}
	}
	for _, size := range []int{16, 32, 128} {
		m, _ := newManager(t, map[string]any{"SESSION_ID_LENGTH": size})
		ticket, err := save(t, m, "", func(s *cloakroom.Session) { color.Set(s, "red") })
		if random, decoding := base64.RawURLEncoding.DecodeString(ticket); err != nil || decoding != nil || len(random) != size {
			t.Errorf("%d bytes: ticket %q, %v", size, ticket, err)
		}
	}
}

func TestSignedTickets(t *testing.T) {
	old, oldStore := newManager(t, map[string]any{"SESSION_USE_SIGNER": true, "SECRET_KEY": "old"})
	ticket, err := save(t, old, "", func(s *cloakroom.Session) { color.Set(s, "red") })
	if err != nil || strings.Count(ticket, ".") != 1 {
		t.Fatal(ticket, err)
	}
	read := func(m *cloakroom.Manager, ticket string) string {
		s := m.Open(t.Context(), ticket)
		defer s.Close()
		return color.Get(s)
	}
	if got := read(old, ticket); got != "red" {
		t.Errorf("%q", got)
	}
	id, _, _ := strings.Cut(ticket, ".")
	for _, other := range []string{id, ticket + "A", "+" + ticket[1:]} {
		before := oldStore.Stats().Loads
		if got := read(old, other); got != "" || oldStore.Stats().Loads != before {
			t.Errorf("%q reached the store, and reads %q", other, got)
		}
	}
}

// A signer that was turned off leaves its cookies valid, and hands out plain ones.
func TestSignerTurnedOff(t *testing.T) {
	signer, err := flask.NewSigner(flask.Secret("old"))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := newManager(t, map[string]any{"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": []string{"old"}})
	plain, err := save(t, m, "", func(s *cloakroom.Session) { color.Set(s, "red") })
	if err != nil || strings.Contains(plain, ".") {
		t.Fatal(plain, err)
	}
	now, err := save(t, m, signer.Sign(plain), func(s *cloakroom.Session) {
		if got := color.Get(s); got != "red" {
			t.Errorf("%q", got)
		}
		color.Set(s, "blue")
	})
	if now != plain || err != nil {
		t.Errorf("ticket %q, want %q, %v", now, plain, err)
	}
	if _, err := save(t, m, plain+"."+strings.Repeat("A", 27), func(s *cloakroom.Session) {
		if got := color.Get(s); got != "" {
			t.Errorf("%q", got)
		}
	}); err != nil {
		t.Error(err)
	}
}

// What Python could not read, or would round, is not stored.
func TestUnsharedValues(t *testing.T) {
	m, _ := newManager(t, nil)
	moment := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
	ticket, err := save(t, m, "", func(s *cloakroom.Session) { cloakroom.Key[time.Time]("at").Set(s, moment) })
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*cloakroom.Session){
		"a str that is not UTF-8": func(s *cloakroom.Session) { color.Set(s, "\xff") },
		"whole microseconds":      func(s *cloakroom.Session) { cloakroom.Key[time.Time]("at").Set(s, moment.Add(1)) },
	} {
		if _, err := save(t, m, ticket, change); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := m.Open(t.Context(), ticket)
	defer s.Close()
	if at := cloakroom.Key[time.Time]("at").Get(s); !at.Equal(moment) {
		t.Error(at)
	}
}

func TestOptions(t *testing.T) {
	o := func(settings map[string]any) cloakroom.Options {
		settings["SESSION_TYPE"] = "redis"
		c, err := flask.FromMap(settings)
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.Options()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	d := o(map[string]any{})
	if d.CookieName != "session" || !d.InsecureCookie || d.Path != "/" || d.Idle != 31*24*time.Hour || d.Lifetime < 99*365*24*time.Hour || !d.Persistent || d.SameSite != 0 || d.Domain != "" {
		t.Errorf("%+v", d)
	}
	x := o(map[string]any{"SESSION_COOKIE_SAMESITE": "Strict", "SESSION_COOKIE_SECURE": true, "APPLICATION_ROOT": "/app", "SESSION_PERMANENT": false,
		"SESSION_SERIALIZATION_FORMAT": "json", "PERMANENT_SESSION_LIFETIME": 60, "SESSION_COOKIE_DOMAIN": "example.com", "SESSION_COOKIE_PARTITIONED": true, "SESSION_COOKIE_HTTPONLY": false})
	if x.InsecureCookie || x.Path != "/app" || x.Persistent || x.SameSite != 3 || x.Format != cloakroom.JSON || x.Idle != time.Minute || x.Domain != "example.com" || !x.Partitioned || !x.Profile.ScriptCookie {
		t.Errorf("%+v", x)
	}
	if _, err := (flask.Config{}).Options(); err == nil {
		t.Error("a zero Config was taken")
	}
	if _, err := flask.New(nil, flask.Config{}); err == nil {
		t.Error("a zero Config was taken")
	}
}
