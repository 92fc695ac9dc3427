package memcachedstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/cloakroom-go/cloakroom/store/memcachedstore/internal/meta"
)

// hashed begins the keys of ids that memcached does not take as they are.
const hashed = "~"

// key returns the key of an id: prefix and id if memcached takes that, as Flask-Session does, and
// otherwise prefix, "~" and the id's SHA-256. An id that begins with "~" is hashed too, so no two
// ids share a key.
func (s *Store) key(id string) string {
	short := len(s.prefix)+len(id) <= meta.MaxKey
	if short && plain(id) && id != "" && !strings.HasPrefix(id, hashed) {
		return s.prefix + id
	}
	sum := sha256.Sum256([]byte(id))
	return s.prefix + hashed + base64.RawURLEncoding.EncodeToString(sum[:])
}

// plain reports whether memcached takes all characters of s in a key.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// server returns the server of a key, by rendezvous hashing: of all servers, the one for which the
// hash of its name and the key is the highest. A server that is added moves only the keys that it
// takes over. There is no failover: a server that is away keeps its keys, or it would bring back
// records that were deleted meanwhile.
//
// Python's pymemcache chooses so in its HashClient: a Flask application with the same list of
// servers finds the same records. This must never change.
func (s *Store) server(key string) *server {
	best, high := 0, uint32(0)
	for i := range s.servers {
		if len(s.servers) == 1 {
			break
		}
		score := murmur3(s.servers[i].name + "-" + key)
		if i == 0 || score > high || score == high && s.servers[i].name > s.servers[best].name {
			best, high = i, score
		}
	}
	return &s.servers[best]
}

// murmur3 is the 32-bit MurmurHash3 with seed 0.
func murmur3(text string) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	data, h := []byte(text), uint32(0)
	for ; len(data) >= 4; data = data[4:] {
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(data)*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	if len(data) > 0 {
		var tail [4]byte
		copy(tail[:], data)
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(tail[:])*c1, 15) * c2
	}
	h ^= uint32(len(text))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
