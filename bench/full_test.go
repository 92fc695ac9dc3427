package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFull goes through all that is measured, at sizes that say nothing, and writes the page.
func TestFull(t *testing.T) {
	var out bytes.Buffer
	x := newRun(&out, 1, time.Millisecond)
	x.counts = 5
	if err := x.full(t.Context(), tinyScale); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := x.write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := x.table(); err != nil {
		t.Fatal(err)
	}
	if err := printRatios(&out, x); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"performance.md", "performance/results.json", "performance/results.csv", "performance/cost-memory.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(x.skipped) > 0 {
		t.Skip(x.skipped)
	}
	for _, r := range ratios() {
		if _, measured := r.of(x); !measured && r.limit != 0 {
			t.Errorf("%s: has a limit and was not measured", r.name)
		}
	}
}

// TestMain is the process of a server, where [TestFull] starts this program as one.
func TestMain(m *testing.M) {
	if serving() {
		return
	}
	os.Exit(m.Run())
}
