package servers

import (
	"os"
	"path/filepath"
	"testing"
)

// Flask returns the path of a Python interpreter that has Flask-Session 0.8.
func Flask(t testing.TB) string {
	t.Helper()
	venv := filepath.Join(root(t), ".venv", "flask")
	if _, err := os.Stat(filepath.Join(venv, "installed")); err != nil {
		missing(t, "Flask-Session", "scripts/install-flask-session")
	}
	return filepath.Join(venv, "bin", "python")
}
