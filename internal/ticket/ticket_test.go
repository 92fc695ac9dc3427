package ticket

import (
	"crypto/sha256"
	"encoding/base64"
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

// TestNew: a ticket is what Valid takes, of 256 bits, and never the same.
func TestNew(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		ticket := New()
		bits, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
		if err != nil || len(bits) != 32 || len(ticket) != Length || !Valid(ticket) ||
			!ValidFormer(ticket) || seen[ticket] {
			t.Fatalf("%d characters, %d bytes: %v", len(ticket), len(bits), err)
		}
		seen[ticket] = true
	}
}

// TestValid: at each place, exactly the characters of URL-safe base64 are taken, and in the last
// one those alone that spell the spare bits as zeros.
func TestValid(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	ticket := strings.Repeat("A", Length)
	for i := range Length {
		for c := range 256 {
			spelled := ticket[:i] + string([]byte{byte(c)}) + ticket[i+1:]
			_, err := base64.RawURLEncoding.Strict().DecodeString(spelled)
			want := err == nil && c != '\n' && c != '\r'
			if got := Valid(spelled); got != want {
				t.Fatalf("%q: %v", spelled, got)
			}
			if got := ValidFormer(spelled); got != (strings.IndexByte(alphabet, byte(c)) >= 0) {
				t.Fatalf("%q as a former ticket: %v", spelled, got)
			}
		}
	}
	for n := range 200 {
		spelled := strings.Repeat("A", n)
		if got := Valid(spelled); got != (n == Length) {
			t.Errorf("%d characters: %v", n, got)
		}
		if got := ValidFormer(spelled); got != (n >= 22 && n <= 171) {
			t.Errorf("%d characters as a former ticket: %v", n, got)
		}
	}
}

// TestIsDigest: a digest is 64 lower-case hexadecimal digits.
func TestIsDigest(t *testing.T) {
	digest := Digest("shop", New())
	if !IsDigest(digest) || IsDigest(digest[1:]) || IsDigest(digest+"0") || IsDigest("") {
		t.Errorf("%q", digest)
	}
	for i := range digest {
		for c := range 256 {
			spelled := digest[:i] + string([]byte{byte(c)}) + digest[i+1:]
			want := strings.IndexByte("0123456789abcdef", byte(c)) >= 0
			if got := IsDigest(spelled); got != want {
				t.Fatalf("%q: %v", spelled, got)
			}
		}
	}
}

// TestApplications: what one application calls an owner or a ticket means nothing to another.
func TestApplications(t *testing.T) {
	sum := sha256.Sum256([]byte("shop\x00ann"))
	if got := Digest("shop", "ann"); got != hex.EncodeToString(sum[:]) ||
		got == Digest("", "ann") || got == Digest("s", "ann") {
		t.Errorf("%q", got)
	}
}

// TestPublicID: it is the start of a hash of the id, as base64, and none of the id itself.
func TestPublicID(t *testing.T) {
	for _, id := range []string{"", "id", Digest("", New()), strings.Repeat("long", 100)} {
		sum := sha256.Sum256([]byte("cloakroom public id\x00" + id))
		if got, want := PublicID(id), base64.RawURLEncoding.EncodeToString(sum[:16]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
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
