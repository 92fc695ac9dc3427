// Package ticket makes and checks tickets, and derives from them, and from the names of
// owners, what a store and the public may see. It knows nothing else of sessions.
package ticket

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// A ticket is the secret in the cookie: 256 random bits (twice the 128 that ASVS 5.0
// 7.2.3 asks for) as 43 characters of unpadded URL-safe base64. It has one spelling:
// the two bits that the last character has to spare are zero. The store sees only its
// SHA-256.
const (
	randomBytes = 32

	// Length is how long a ticket is.
	Length = 43
)

// The lengths of Flask-Session's ids: 16 to 128 bytes in unpadded base64. A UUID has 36
// characters.
const (
	minFormer = 22
	maxFormer = 171
)

// New returns a ticket that was never handed out.
func New() string {
	var random [randomBytes]byte
	rand.Read(random[:]) // never fails: it crashes the program instead, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// spelling tells the characters of a ticket: 1 for one that may stand anywhere, 3 for
// one that may also come last.
var spelling = func() (t [256]uint8) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i, c := range []byte(alphabet) {
		t[c] = 1
		if i%4 == 0 {
			t[c] = 3
		}
	}
	return t
}()

// Valid reports whether s is spelled as a ticket. Nothing else reaches the store.
func Valid(s string) bool {
	if len(s) != Length {
		return false
	}
	all := uint8(3)
	for i := range Length - 1 {
		all &= spelling[s[i]]
	}
	return all&1 != 0 && spelling[s[Length-1]] == 3
}

// ValidFormer reports whether s is spelled as a ticket that another library handed out.
func ValidFormer(s string) bool {
	if len(s) < minFormer || len(s) > maxFormer {
		return false
	}
	for i := range len(s) {
		if spelling[s[i]] == 0 {
			return false
		}
	}
	return true
}

// Digest returns the lower-case hexadecimal SHA-256 by which a store knows a ticket or
// an owner's name. Those of one application mean nothing to another; an empty
// application has none of this.
func Digest(application, s string) string {
	if application != "" {
		s = application + "\x00" + s
	}
	return hexDigest(s)
}

// IsDigest reports whether s is spelled as a Digest.
func IsDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func hexDigest(s string) string {
	var room [64]byte // for a ticket, so that only the result is allocated
	sum := sha256.Sum256(append(room[:0], s...))
	var digits [2 * sha256.Size]byte
	for i := 0; i < len(sum); i += 4 {
		binary.BigEndian.PutUint64(digits[2*i:], hexDigits(binary.BigEndian.Uint32(sum[i:])))
	}
	return string(digits[:])
}

// hexDigits returns the eight digits of x as eight bytes, the first one highest. Every
// request pays for a digest, and this takes less than half of the time of encoding/hex.
func hexDigits(x uint32) uint64 {
	const ones = 0x01010101_01010101
	n := uint64(x)
	n = (n | n<<16) & 0x0000ffff_0000ffff
	n = (n | n<<8) & 0x00ff00ff_00ff00ff
	n = (n | n<<4) & 0x0f0f0f0f_0f0f0f0f // four bits in each byte
	letters := (n + 6*ones) >> 4 & ones  // 1 in each byte of ten or more
	return n + '0'*ones + letters*('a'-'0'-10)
}

// PublicID derives from a store's id what may be shown and logged. The way back, which
// would let its holder look the record up, is closed.
func PublicID(id string) string {
	var room [128]byte
	sum := sha256.Sum256(append(append(room[:0], "cloakroom public id\x00"...), id...))
	return string(base64.RawURLEncoding.AppendEncode(room[:0], sum[:16]))
}
