package cloakroom

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
	ticketBytes  = 32
	ticketLength = 43
)

func newTicket() string {
	var random [ticketBytes]byte
	rand.Read(random[:]) // never fails: it crashes the program instead, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// ticketChar tells the characters of a ticket: 1 for one that may stand anywhere, 3 for
// one that may also come last.
var ticketChar = func() (t [256]uint8) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i, c := range []byte(alphabet) {
		t[c] = 1
		if i%4 == 0 {
			t[c] = 3
		}
	}
	return t
}()

// isTicket reports whether s is spelled as a ticket. Nothing else reaches the store.
func isTicket(s string) bool {
	if len(s) != ticketLength {
		return false
	}
	all := uint8(3)
	for i := range ticketLength - 1 {
		all &= ticketChar[s[i]]
	}
	return all&1 != 0 && ticketChar[s[ticketLength-1]] == 3
}

// storeID is the id that a store knows the session of this ticket by.
func storeID(ticket string) string {
	return hexDigest(ticket)
}

// hexDigest is the lower-case hexadecimal SHA-256 of s. Owners, too, are stored under it.
func hexDigest(s string) string {
	var room [64]byte // for a ticket, so that only the result is allocated
	sum := sha256.Sum256(append(room[:0], s...))
	var digits [2 * sha256.Size]byte
	for i := 0; i < len(sum); i += 4 {
		binary.BigEndian.PutUint64(digits[2*i:], hexDigits(binary.BigEndian.Uint32(sum[i:])))
	}
	return string(digits[:])
}

// digest is the hexDigest of a ticket or an owner's name, of this application.
func (m *Manager) digest(s string) string { return digestIn(m.options.Application, s) }

// ownerDigest is the digest of the owner of a session, which need not be one of this
// application.
func (m *meta) ownerDigest() string {
	return digestIn(string(m.text(metaApplication)), string(m.owner))
}

func digestIn(application, s string) string {
	if application != "" {
		s = application + "\x00" + s
	}
	return hexDigest(s)
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

// publicID derives from a store's id what may be shown and logged. It can't be turned
// back into the store's id, which would let its holder look the record up.
func publicID(id string) string {
	var room [128]byte
	sum := sha256.Sum256(append(append(room[:0], "cloakroom public id\x00"...), id...))
	return string(base64.RawURLEncoding.AppendEncode(room[:0], sum[:16]))
}
