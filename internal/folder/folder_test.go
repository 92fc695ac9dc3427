package folder_test

import (
	"errors"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/folder"
)

func TestFromURL(t *testing.T) {
	for raw, want := range map[string]string{
		"file:///var/lib/app":          "/var/lib/app",
		"file://localhost/var/lib/app": "/var/lib/app",
		"file:./app":                   "./app",
		"file:an%20app":                "an app",
		"file:%zz":                     "",
		"file://host/app":              "",
		"file://user@/app":             "",
		"file:":                        "",
		"file:///app#part":             "",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := folder.FromURL(u); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", raw, got, err)
		} else if err != nil && strings.Contains(err.Error(), "user@") {
			t.Errorf("%s: the error tells too much: %v", raw, err)
		}
	}
}

func TestRemake(t *testing.T) {
	missing := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	broken := errors.New("broken")
	for _, test := range []struct {
		name     string
		failures int   // how often f finds no folder
		makes    error // what making it returns
		want     error
		made     int
	}{
		{"at once", 0, nil, nil, 0},
		{"made anew", 2, nil, nil, 2},
		{"removed while it is made", 2, missing, nil, 2},
		{"cannot be made", 2, broken, broken, 1},
		{"removed again and again", 100, nil, fs.ErrNotExist, 10},
	} {
		made, calls := 0, 0
		err := folder.Remake(func() error { made++; return test.makes }, func() error {
			if calls++; calls <= test.failures {
				return missing
			}
			return nil
		})
		if !errors.Is(err, test.want) || made != test.made {
			t.Errorf("%s: made %d times, %v", test.name, made, err)
		}
	}
	breaks := func() error { return broken }
	if err := folder.Remake(func() error { return nil }, breaks); !errors.Is(err, broken) {
		t.Errorf("another error: %v", err)
	}
}

func TestMakeAll(t *testing.T) {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "a", "b")}
	refused := errors.New("refused")
	_, err := folder.MakeAll(paths, func() error { return refused })
	if !errors.Is(err, refused) || folder.IsThere(paths[0]) {
		t.Errorf("made in what is refused: %v", err)
	}
	calls := 0
	second := func() error {
		if calls++; calls == 2 {
			return refused
		}
		return nil
	}
	if made, err := folder.MakeAll(paths, second); !made || !errors.Is(err, refused) {
		t.Errorf("not checked again: %v, %v", made, err)
	}
	if made, err := folder.MakeAll(paths, func() error { return nil }); made || err != nil {
		t.Errorf("again: %v, %v", made, err)
	}
}

// A folder that is missing has no names to sync.
func TestSync(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	if err := errors.Join(folder.Sync(dir), folder.Sync(missing)); err != nil {
		t.Error(err)
	}
}
