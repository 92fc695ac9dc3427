package flask_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// profileOf returns the profile of a store that keeps what it is given, unlike files.
func profileOf(t *testing.T) *cloakroom.Profile {
	t.Helper()
	c := flask.Default()
	c.SessionType, c.SessionRedis = "redis", "redis://localhost"
	o, err := c.Options()
	if err != nil {
		t.Fatal(err)
	}
	return o.Profile
}

// After Go has changed another value, a pickled value is for Python what it was: equal,
// of the same types, in the same order, and shared in the same places.
func TestOpaqueValues(t *testing.T) {
	t.Parallel()
	profile := profileOf(t)
	var pairs bytes.Buffer
	n := 0
	for line := range strings.Lines(string(python(t, "opaque.py", "dump"))) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		name := fields[0] + ", protocol " + fields[1]
		before, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		document, err := profile.Convert(before)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		after, err := profile.Restore(withInt(t, document, "go", 7), before)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		pairs.WriteString(name + "\t" + fields[2] + "\t" + hex.EncodeToString(after) + "\n")
		n++
	}
	file := filepath.Join(t.TempDir(), "pairs")
	if err := os.WriteFile(file, pairs.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), servers.Flask(t), "testdata/opaque.py", "check", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%d sessions", n)
}
