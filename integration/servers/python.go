package servers

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Flask returns the path of the Python that has Flask-Session, which scripts/install-flask-session installs. Where
// it is missing the test is skipped, or fails when the environment has CI=true.
func Flask(t testing.TB) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("where this file lies is not known")
	}
	venv := filepath.Join(filepath.Dir(here), "..", "..", ".venv", "flask")
	if _, err := os.Stat(filepath.Join(venv, "installed")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("Flask-Session is not installed: scripts/install-flask-session installs it")
		}
		t.Skip("Flask-Session is not installed: scripts/install-flask-session installs it")
	}
	return filepath.Join(venv, "bin", "python")
}
