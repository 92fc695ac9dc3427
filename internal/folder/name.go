package folder

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Name returns a file name for an id that is safe on every file system: of one case, of
// bounded length, and without anything that means something in a path. 64 lower-case
// hexadecimal digits are their own name; others are named by x and their SHA-256.
func Name(id string) string {
	if isHex(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "x" + hex.EncodeToString(sum[:])
}

// IsName reports whether [Name] may have returned name.
func IsName(name string) bool { return isHex(strings.TrimPrefix(name, "x")) }

// Shard returns the first two digits of what [Name] returned.
func Shard(name string) string { return strings.TrimPrefix(name, "x")[:2] }

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}
