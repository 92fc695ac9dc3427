package filestore_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// A damaged file is unreadable, is reported once by its path, may be replaced, and is swept.
func TestDamagedFiles(t *testing.T) {
	other := func(t *testing.T, _ []byte) []byte {
		dir := t.TempDir()
		s := open(t, dir, filestore.Options{})
		if _, err := s.Create(t.Context(), hexID(2), lasting("other")); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(recordPath(dir, hexID(2)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	flip := func(at int) func(*testing.T, []byte) []byte {
		return func(_ *testing.T, b []byte) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 0x10
			return b
		}
	}
	for _, tt := range []struct {
		name   string
		damage func(*testing.T, []byte) []byte
	}{
		{"empty", func(*testing.T, []byte) []byte { return nil }},
		{"one byte", func(_ *testing.T, b []byte) []byte { return b[:1] }},
		{"header only", func(_ *testing.T, b []byte) []byte { return b[:60] }},
		{"cut by a byte", func(_ *testing.T, b []byte) []byte { return b[:len(b)-1] }},
		{"a byte too many", func(_ *testing.T, b []byte) []byte { return append(b, 0) }},
		{"zeros", func(_ *testing.T, b []byte) []byte { return make([]byte, len(b)) }},
		{"text", func(*testing.T, []byte) []byte { return []byte(strings.Repeat("hello ", 50)) }},
		{"magic", flip(0)},
		{"checksum", flip(8)},
		{"version", flip(12)},
		{"deadline", flip(40)},
		{"a length", flip(59)},
		{"the id", flip(64)},
		{"the last byte of data", flip(-1)},
		{"the expiry", flip(30)},
		{"an earlier format", func(_ *testing.T, b []byte) []byte { b[4] = 1; return b }},
		{"the record of another id", other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			dir := t.TempDir()
			var log bytes.Buffer
			s := open(t, dir, filestore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			secret := lasting("the secret data")
			v, err := s.Create(ctx, hexID(1), secret)
			if err != nil {
				t.Fatal(err)
			}
			secret.Version = v
			path := recordPath(dir, hexID(1))
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := tt.damage(t, bytes.Clone(good))
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			_, load := s.Load(ctx, hexID(1))
			_, replace := s.Replace(ctx, hexID(1), secret, secret)
			for op, err := range map[string]error{
				"Load": load, "Replace": replace,
				"Touch": s.Touch(ctx, hexID(1), secret, secret.Expires), "Delete": s.Delete(ctx, hexID(1), secret),
			} {
				if !errors.Is(err, store.ErrUnreadable) {
					t.Errorf("%s: %v, want ErrUnreadable", op, err)
				}
			}
			if n := strings.Count(log.String(), path); n != 1 || strings.Contains(log.String(), "secret") {
				t.Errorf("reported %d times: %s", n, log.String())
			}
			if _, err := s.Create(ctx, hexID(1), secret); err != nil {
				t.Errorf("Create over it: %v", err)
			}
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if n := sweepAll(t, s); n != 1 {
				t.Errorf("Sweep removed %d, want 1", n)
			}
			if n := strings.Count(log.String(), path); n != 2 {
				t.Errorf("a new damage was reported %d times in all, want 2", n)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after the sweep: %v", err)
			}
		})
	}
}

// A file of a later format cannot be read, and a sweep leaves it to a process that can.
func TestLaterFormat(t *testing.T) {
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	s := open(t, dir, filestore.Options{NoSync: true, Logger: quiet})
	if _, err := s.Create(t.Context(), hexID(1), lasting("data")); err != nil {
		t.Fatal(err)
	}
	path := recordPath(dir, hexID(1))
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file[4]++
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), hexID(1)); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("%v, want ErrUnreadable", err)
	}
	if n := sweepAll(t, s); n != 0 {
		t.Errorf("the sweep removed %d", n)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), hexID(1), store.Record{}); err != nil {
		t.Errorf("a sign-out: %v", err)
	}
}
