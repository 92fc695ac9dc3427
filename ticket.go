package cloakroom

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// A ticket is the secret in the cookie: 256 random bits (twice the 128 that ASVS 5.0 7.2.3 asks
// for) as 43 characters of unpadded URL-safe base64. It has one spelling: the two bits that the last
// character has to spare are zero. The store sees only its SHA-256.
const (
	ticketBytes  = 32
	ticketLength = 43
)

func newTicket() string {
	var random [ticketBytes]byte
	rand.Read(random[:]) // never fails: it crashes the program instead, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// ticketChar tells the characters of a ticket: 1 for one that may stand anywhere, 3 for one that
// may also come last.
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
	var room [2 * ticketLength]byte // for a ticket, so that only the result is allocated
	sum := sha256.Sum256(append(room[:0], s...))
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// publicID derives from a store's id what may be shown and logged. It can't be turned back into
// the store's id, which would let its holder look the record up.
func publicID(id string) string {
	sum := sha256.Sum256([]byte("cloakroom public id\x00" + id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
