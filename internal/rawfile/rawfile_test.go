package rawfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/rawfile"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := rawfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Write([]byte(text)), f.SyncClose()); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	f, err := rawfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for b := make([]byte, 5); ; {
		n, err := f.Read(b)
		text.Write(b[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if _, err := rawfile.Open(a); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), a) {
		t.Errorf("opening what is not there: %v", err)
	}
	write(t, a, "hello, file")
	if _, err := rawfile.Create(a); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating what is there: %v", err)
	}
	f, err := rawfile.OpenToWrite(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.WriteAt([]byte("disk"), 7), f.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, b, "other")
	if err := rawfile.Replace(a, b); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b); got != "hello, disk" {
		t.Errorf("read %q", got)
	}
	if err := rawfile.Replace(a, b); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), b) {
		t.Errorf("renaming what is not there: %v", err)
	}
}

func TestReuse(t *testing.T) {
	if !rawfile.Recycles {
		t.Skip("this system does not recycle files")
	}
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "hello, file")
	reader, err := os.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := rawfile.Reuse(a, 3, 100); ok {
		t.Error("a file that another has open is reused")
	}
	reader.Close()
	if _, ok := rawfile.Reuse(a, 3, 10); ok {
		t.Error("a file that is too long is reused")
	}
	f, ok := rawfile.Reuse(a, 3, 100)
	if !ok {
		t.Skip("this file system gives no lease")
	}
	if _, err := rawfile.Open(a); !rawfile.IsBusy(err) {
		t.Errorf("opening what is reused: %v", err)
	}
	if err := errors.Join(f.WriteAt([]byte("bye"), 0), f.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, b, "other")
	if !rawfile.Exchange(a, b) {
		t.Skip("this file system exchanges no files")
	}
	if x, y := read(t, a), read(t, b); x != "other" || y != "bye" {
		t.Errorf("after the exchange: %q and %q", x, y)
	}
	if rawfile.Exchange(a, filepath.Join(dir, "missing")) {
		t.Error("exchanged for nothing")
	}
}
