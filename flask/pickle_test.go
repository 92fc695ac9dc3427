package flask_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

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

// A record that is a pickle stays one, whatever the format, with Python's types in all
// that Go did not change.
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

// New sessions are of the format, and pickles where that is what the setting says.
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

// In the files of cachelib, new sessions are pickles too, and a store that makes
// documents of them gets documents.
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

// Of objects, Convert takes what the library takes, and texts and numbers of a class of
// their own.
func TestConvertObjects(t *testing.T) {
	for p, want := range map[string]string{
		"}Vm\ncmarkupsafe\nMarkup\nV<b>\n\x85\x81s.":               `{"m":"<b>"}`,
		"}Vm\nccollections\nOrderedDict\n)RVb\nK\x01sVa\nK\x02ss.": `{"m":{"b":1,"a":2}}`,
		"}Vm\ncm\nColor\nVred\n\x85Rs.":                            `{"m":"red"}`,
		"}Vm\ncm\nPoint\n(K\x01K\x02t\x81s.":                       `{"m":[1,2]}`,
		"}Vm\ncm\nItem\n)\x81}Va\nK\x01sbs.":                       `{"m":{"a":1}}`,
		"}Vm\ncnumpy\nint64\nK\x05\x85Rs.":                         "",
		"}Vm\nclen\nlen\ns.":                                       "",
	} {
		got, err := flask.Convert([]byte(p), cloakroom.JSON)
		if want == "" {
			if !errors.Is(err, flask.ErrObject) || strings.Contains(err.Error(), "5") {
				t.Errorf("%q became %s, error %v", p, got, err)
			}
			continue
		}
		if err != nil || string(got) != want {
			t.Errorf("%q became %s, error %v, want %s", p, got, err, want)
		}
	}
}
