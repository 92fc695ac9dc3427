// Package flask_test runs Flask-Session and Cloakroom side by side.
package flask_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

// documents is the number of random sessions.
const documents = 10_000

// python runs a script of testdata and returns what it printed.
func python(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), servers.Flask(t), append([]string{"testdata/" + script}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", script, strings.Join(args, " "), err, errs.String())
	}
	return out
}

// A pickle becomes, in either format, what Python makes of it, byte for byte.
func TestConvertRandomSessions(t *testing.T) {
	servers.Long(t)
	t.Parallel()
	out := bufio.NewScanner(bytes.NewReader(python(t, "documents.py", "dump", strconv.Itoa(documents))))
	out.Buffer(nil, 1<<26)
	seen, refused := 0, 0
	for ; out.Scan(); seen++ {
		fields := strings.Split(out.Text(), "\t")
		pickled, err := hex.DecodeString(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		for i, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
			got, err := flask.Convert(pickled, format)
			if want := fields[1+i]; want == "!" {
				refused++
				if !errors.Is(err, flask.ErrHold) {
					t.Errorf("session %d to %v: error %v, and Python refuses too", seen, format, err)
				}
			} else if hex.EncodeToString(got) != want {
				t.Errorf("session %d to %v: error %v\n%x, want\n%s", seen, format, err, got, want)
			}
		}
		if t.Failed() {
			return
		}
	}
	if err := out.Err(); err != nil || seen != documents {
		t.Fatalf("%d sessions, error %v", seen, err)
	}
	t.Logf("%d sessions; %d times a format cannot hold one, for Python and for Go", seen, refused)
}

// A session that Python stored in cachelib's files, and that Go read, changed and stored,
// is the same for Python but for the change: in value, type and order.
func TestCachelibRandomSessions(t *testing.T) {
	servers.Long(t)
	t.Parallel()
	for _, hash := range []struct {
		name string
		want cachelibstore.Hash
	}{{"md5", cachelibstore.MD5}, {"sha256", cachelibstore.SHA256}} {
		t.Run(hash.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			n := documents / 2
			python(t, "documents.py", "write", dir, strconv.Itoa(n), hash.name)
			store, err := cachelibstore.New(dir, cachelibstore.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			if store.Hash() != hash.want {
				t.Fatalf("detected hash %d, want %d", store.Hash(), hash.want)
			}
			for i := range n {
				id := strconv.Itoa(i)
				old, err := store.Load(t.Context(), id)
				if err != nil {
					t.Fatalf("session %d: %v", i, err)
				}
				next := old
				next.Data = withInt(t, old.Data, "go", i)
				if _, err := store.Replace(t.Context(), id, old, next); err != nil {
					t.Fatalf("session %d: %v", i, err)
				}
			}
			python(t, "documents.py", "check", dir, strconv.Itoa(n), hash.name)
		})
	}
}

// withInt adds an integer to a MessagePack map.
func withInt(t *testing.T, data []byte, name string, n int) []byte {
	t.Helper()
	count, rest := 0, data
	switch {
	case data[0]&0xf0 == 0x80:
		count, rest = int(data[0]&0x0f), data[1:]
	case data[0] == 0xde:
		count, rest = int(binary.BigEndian.Uint16(data[1:])), data[3:]
	default:
		t.Fatalf("a map with the header %x", data[0])
	}
	out := binary.BigEndian.AppendUint16([]byte{0xde}, uint16(count+1))
	out = append(out, rest...)
	out = append(out, 0xa0|byte(len(name)))
	out = append(out, name...)
	return binary.BigEndian.AppendUint32(append(out, 0xce), uint32(n))
}

// The profile's defaults are Flask's.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(string(python(t, "defaults.py"))) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		t.Run(name, func(t *testing.T) {
			if got := setting(t, name); got != value {
				t.Errorf("the default is %s, Flask's is %s", got, value)
			}
		})
	}
	if _, err := os.Stat("flask_session"); err == nil {
		t.Error("reading the defaults made a folder")
	}
}

func setting(t *testing.T, name string) string {
	t.Helper()
	v, ok := defaults()[name]
	if !ok {
		t.Fatalf("there is no setting %s", name)
	}
	return fmt.Sprint(v)
}
