package main

import (
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	var out strings.Builder
	p := progress{out: &out}
	for range 25_000 {
		p.copied++
		p.step()
	}
	if got, want := out.String(), "10000 sessions copied, 0 skipped, 0 failed so far\n20000 sessions copied, 0 skipped, 0 failed so far\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p = progress{out: &out, bar: true, total: 8, copied: 1, skipped: 1}
	if got, want := p.line(), "[#######.......................]  25%  1 session copied, 1 skipped, 0 failed"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.total = 0
	if got := p.line(); !strings.Contains(got, "100%") {
		t.Errorf("%q: more than were counted", got)
	}
	out.Reset()
	p.step()
	p.step()
	p.clear()
	p.clear()
	if got := out.String(); strings.Count(got, "\r") != 2 || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
}
