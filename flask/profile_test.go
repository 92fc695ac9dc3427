package flask_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
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

// An id reaches the store if Flask-Session would look it up.
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
	signer, err := flask.NewSigner(flask.Secret("old"))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{id, ticket + "A", "+" + ticket[1:], signer.Sign("no id"), signer.Sign("../" + id)} {
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

func TestLimits(t *testing.T) {
	c, err := flask.FromMap(map[string]any{"SESSION_TYPE": "redis"})
	if err != nil {
		t.Fatal(err)
	}
	if o, err := c.Options(); o.MaxBytes != 16<<20 || o.MaxValues != 8192 || err != nil {
		t.Errorf("%d bytes and %d values, %v", o.MaxBytes, o.MaxValues, err)
	}
	c.CloakroomMaxBytes, c.CloakroomMaxValues = 2048, 7
	if o, err := c.Options(); o.MaxBytes != 2048 || o.MaxValues != 7 || err != nil {
		t.Errorf("%d bytes and %d values, %v", o.MaxBytes, o.MaxValues, err)
	}
}

// odd is a session that Flask-Session 0.5 stored: a flash of Markup, an object of
// numpy, and a key that is no string.
const odd = "\x80\x04}(\x8c\x0a_permanent\x88\x8c\x08_user_id\x8c\x03ada" +
	"\x8c\x08_flashes](\x8c\x07message\x8c\x0amarkupsafe\x8c\x06Markup\x93\x8c\x09<b>hi</b>\x85\x81\x86e" +
	"\x8c\x02np\x8c\x05numpy\x8c\x05int64\x93K\x05\x85RK\x07\x8c\x05sevenu."

const oddID = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// unpickled returns the values of a record by name.
func unpickled(t *testing.T, m store.Store, id string) *pickle.Dict {
	t.Helper()
	r, err := m.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pickle.Decode(r.Data)
	d, ok := v.(*pickle.Dict)
	if err != nil || !ok {
		t.Fatalf("%q is stored: %v", r.Data, err)
	}
	return d
}

func newManagerOfFiles(t *testing.T, pickles bool) (*cloakroom.Manager, store.Store) {
	t.Helper()
	store, err := cachelibstore.New(t.TempDir(), cachelibstore.Options{NoSync: true, Pickles: pickles})
	if err != nil {
		t.Fatal(err)
	}
	c := flask.Default()
	c.SessionType = "filesystem"
	m, err := flask.New(store, c)
	if err != nil {
		t.Fatal(err)
	}
	return m, store
}

// A record that is a pickle stays one, whatever the format, and keeps Python's types in
// all that Go did not change.
func TestPicklesStayPickles(t *testing.T) {
	for _, format := range []string{"msgpack", "json", "files"} {
		var m *cloakroom.Manager
		var st store.Store
		if format == "files" {
			m, st = newManagerOfFiles(t, true)
		} else {
			m, st = newManager(t, map[string]any{"SESSION_SERIALIZATION_FORMAT": format})
		}
		r := store.Record{Data: []byte(odd), Expires: time.Now().Add(time.Hour)}
		if _, err := st.Create(t.Context(), oddID, r); err != nil {
			t.Fatal(err)
		}
		flashes := func(id string) []pickle.Value {
			v, _ := unpickled(t, st, id).Get("_flashes")
			l, _ := v.(*pickle.List)
			return l.Items
		}
		if _, err := save(t, m, oddID, func(s *cloakroom.Session) {
			if s.Owner() != "ada" {
				t.Errorf("%s: the owner is %q, error %v", format, s.Owner(), s.Err())
			}
			color.Set(s, "red")
		}); err != nil {
			t.Fatal(err)
		}
		markup := func(v pickle.Value) bool {
			flash, ok := v.(pickle.Tuple)
			if !ok || len(flash) != 2 {
				return false
			}
			o, ok := flash[1].(*pickle.Object)
			return ok && o.Class().String() == "markupsafe.Markup"
		}
		if got := flashes(oddID); len(got) != 1 || !markup(got[0]) {
			t.Errorf("%s: the flashes became %#v", format, got)
		}
		_, err := save(t, m, oddID, func(s *cloakroom.Session) { s.Flash("info", "more") })
		if err != nil {
			t.Fatal(err)
		}
		if got := flashes(oddID); len(got) != 2 || !markup(got[0]) {
			t.Errorf("%s: with one more, the flashes became %#v", format, got)
		}
		ticket, err := save(t, m, oddID, func(s *cloakroom.Session) { s.Login("ada") })
		if err != nil || ticket == oddID {
			t.Fatal(ticket, err)
		}
		d := unpickled(t, st, ticket)
		if v, _ := d.Get("np"); v == nil || v.(*pickle.Object).Class().String() != "numpy.int64" {
			t.Errorf("%s: the number became %#v", format, v)
		}
		if got := flashes(ticket); len(got) != 2 || !markup(got[0]) {
			t.Errorf("%s: after a sign-in, the flashes are %#v", format, got)
		}
		if v, _ := d.Get("color"); v != "red" || !slices.Contains(d.Keys, pickle.Value(int64(7))) {
			t.Errorf("%s: color=%v of %v", format, v, d.Keys)
		}
	}
}

// A new session has the form that the setting says.
func TestNewRecords(t *testing.T) {
	for _, format := range []string{"msgpack", "json", "pickle"} {
		c := flask.Default()
		c.SessionType, c.SessionRedis, c.SessionSerializationFormat = "redis", "redis://localhost", format
		o, err := c.Options()
		if err != nil {
			if format == "pickle" {
				t.Skip("the setting does not take pickle:", err)
			}
			t.Fatal(err)
		}
		got, err := o.Profile.Restore([]byte("\x81\xa1a\x01"), nil)
		if pickled := !bytes.HasPrefix(got, []byte("\x81")); err != nil || pickled != (format == "pickle") {
			t.Errorf("%s: %q, error %v", format, got, err)
		}
		if got, err := o.Profile.Restore([]byte("\x81\xa1a\x01"), []byte("\x81\xa1a\x02")); err != nil || string(got) != "\x81\xa1a\x01" {
			t.Errorf("%s: a document became %q, error %v", format, got, err)
		}
	}
}

// In the files of cachelib new sessions are pickles too, whether the profile or the store
// makes them.
func TestFiles(t *testing.T) {
	for _, pickles := range []bool{false, true} {
		m, _ := newManagerOfFiles(t, pickles)
		ticket, err := save(t, m, "", func(s *cloakroom.Session) { color.Set(s, "red") })
		if err != nil {
			t.Fatal(err)
		}
		if ticket, err = save(t, m, ticket, func(s *cloakroom.Session) { s.Login("ada") }); err != nil {
			t.Fatal(err)
		}
		s := m.Open(t.Context(), ticket)
		if color.Get(s) != "red" || s.Owner() != "ada" {
			t.Errorf("pickles %v: color %q, owner %q, %v", pickles, color.Get(s), s.Owner(), s.Err())
		}
		if err := s.Logout(); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}
