package flask_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	c, err := flask.FromMap(map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := flask.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "SESSION_TYPE filesystem: ") {
		t.Error(err)
	}
	m, closer, err := flask.Open(t.Context(), c, cachelibstore.Opener())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	s := m.Open(t.Context(), "")
	defer s.Close()
	color.Set(s, "red")
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, strings.Repeat("?", 64))); len(files) != 1 || err != nil {
		t.Errorf("%q, %v", files, err)
	}
}
