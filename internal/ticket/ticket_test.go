package ticket

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// TestDigests: the digits are those of encoding/hex, and only the result is allocated.
func TestDigests(t *testing.T) {
	for range 100 {
		ticket := New()
		sum := sha256.Sum256([]byte(ticket))
		if got := Digest("", ticket); got != hex.EncodeToString(sum[:]) {
			t.Fatalf("%q: %s", ticket, got)
		}
	}
	if got := Digest("", strings.Repeat("a", 1000)); got != "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3" {
		t.Error(got)
	}
	id := Digest("", New())
	if got := testing.AllocsPerRun(100, func() { Digest("", id[:Length]); PublicID(id) }); got != 2 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkDigest(b *testing.B) {
	ticket := New()
	b.ReportAllocs()
	for b.Loop() {
		Digest("", ticket)
	}
}

func BenchmarkPublicID(b *testing.B) {
	id := Digest("", New())
	b.ReportAllocs()
	for b.Loop() {
		PublicID(id)
	}
}
