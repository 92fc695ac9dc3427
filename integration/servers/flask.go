package servers

import (
	"os"
	"path/filepath"
	"testing"
)

// Flask returns the path of a Python interpreter that has Flask-Session 0.8.
func Flask(t testing.TB) string {
	t.Helper()
	return interpreter(t, "flask")
}

// FormerFlask returns the path of one that has a former release of Flask-Session: 0.5,
// 0.6 or 0.7.
func FormerFlask(t testing.TB, release string) string {
	t.Helper()
	return interpreter(t, "flask-"+release)
}

// interpreter returns the path of one of the environments that
// scripts/install-flask-session makes.
func interpreter(t testing.TB, environment string) string {
	t.Helper()
	venv := filepath.Join(root(t), ".venv", environment)
	if _, err := os.Stat(filepath.Join(venv, "installed")); err != nil {
		missing(t, "Flask-Session", "scripts/install-flask-session")
	}
	return filepath.Join(venv, "bin", "python")
}
