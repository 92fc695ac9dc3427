package flask_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Python -> Go -> Python, in both formats: every value is also decoded in Go and stored
// again under another name. What Go did not touch comes back byte for byte.
func TestCopiedRandomSessions(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(string(python(t, "documents.py", "dump", strconv.Itoa(documents))), "\n"), "\n")
	for i, format := range []string{"msgpack", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			m, store := newCopier(t, format)
			var out bytes.Buffer
			copied, kept := 0, 0
			for n, line := range lines {
				fields := strings.Split(line, "\t")
				if fields[1+i] == "!" {
					out.WriteString("!\n")
					continue
				}
				data, names := unhex(t, fields[1+i]), []string(nil)
				if err := json.Unmarshal(unhex(t, fields[3]), &names); err != nil {
					t.Fatal(err)
				}
				got, done := copyAll(t, m, store, fmt.Sprintf("%043d", n), data, names, format)
				copied, kept = copied+len(done), kept+len(names)-len(done)
				list, err := json.Marshal(done)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "%x\t%x\n", got, list)
			}
			cmd := exec.CommandContext(t.Context(), servers.Flask(t), "testdata/documents.py", "copies", strconv.Itoa(len(lines)), format)
			cmd.Stdin = bufio.NewReader(&out)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%.3000s", err, text)
			}
			t.Logf("%d sessions; %d values were decoded and stored again, %d are Flask's own or have no Go value", len(lines), copied, kept)
			if copied < 2*documents {
				t.Errorf("only %d values were copied", copied)
			}
		})
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newCopier(t *testing.T, format string) (*cloakroom.Manager, store.Store) {
	t.Helper()
	c := flask.Default()
	c.SessionType, c.SessionSerializationFormat = "redis", format
	o, err := c.Options()
	if err != nil {
		t.Fatal(err)
	}
	o.Logger, o.Timeout = slog.New(slog.DiscardHandler), 20*time.Second
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	m, err := cloakroom.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, store
}

// copyAll stores a document, copies its values, and returns the stored document and the
// names of the copies.
func copyAll(t *testing.T, m *cloakroom.Manager, st store.Store, id string, data []byte, names []string, format string) (got []byte, done []string) {
	t.Helper()
	if _, err := st.Create(t.Context(), id, store.Record{Data: data, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	s := m.Open(t.Context(), id)
	defer s.Close()
	done = []string{}
	for _, name := range names {
		// Skip the names that are Flask's own or not valid in Go.
		if name != "" && name != "_permanent" && name != "_flashes" && len(name) < 240 && copyOne(s, name, format) {
			done = append(done, name)
		}
	}
	cloakroom.Key[bool]("changed").Set(s, true) // so that there is always something to store
	cloakroom.Key[bool]("changed").Delete(s)
	if err := s.Save(); err != nil {
		t.Fatalf("session %s: %v", id, err)
	}
	r, err := st.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if format == "msgpack" {
		// Behind the header of a map of up to 15 or 65,535, the former values come first.
		was, is := headless(data), headless(r.Data)
		if !bytes.HasPrefix(is, was) {
			t.Fatalf("session %s was\n%x, is\n%x", id, was, is)
		}
		return r.Data, done
	}
	var was, is map[string]json.RawMessage
	if err := json.Unmarshal(data, &was); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(r.Data, &is); err != nil {
		t.Fatal(err)
	}
	for name, value := range was {
		if !bytes.Equal(is[name], value) {
			t.Fatalf("session %s: %q was %s, is %s", id, name, value, is[name])
		}
	}
	return r.Data, done
}

func headless(m []byte) []byte {
	if m[0] == 0xde {
		return m[3:]
	}
	return m[1:]
}

func copyOne(s *cloakroom.Session, name, format string) bool {
	if format == "json" {
		v, ok, err := cloakroom.Key[exact](name).Lookup(s)
		if ok && err == nil {
			cloakroom.Key[exact]("copy of "+name).Set(s, v)
		}
		return ok && err == nil
	}
	v, ok, err := cloakroom.Key[any](name).Lookup(s)
	if ok && err == nil {
		cloakroom.Key[any]("copy of "+name).Set(s, v)
	}
	return ok && err == nil
}

// exact is a JSON value that keeps the spelling of numbers: an any would make float64 of
// them.
type exact struct{ v any }

func (e *exact) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(&e.v)
}

func (e exact) MarshalJSON() ([]byte, error) { return json.Marshal(e.v) }
