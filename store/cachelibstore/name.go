package cachelibstore

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
)

// Hash is how files are named. The documentation of cachelib calls it hash_method.
type Hash uint8

const (
	// Detect looks for a session under either name, and writes it under the one that
	// Python uses now: see [Store.Hash].
	Detect Hash = iota
	// SHA256 is what cachelib uses from 0.16 on, unless it is told otherwise.
	SHA256
	// MD5 is what cachelib used before.
	MD5
)

// name returns the name of the file of a key.
func (h Hash) name(key string) string {
	if h == MD5 {
		sum := md5.Sum([]byte(key))
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// kind returns the hash that a name may be of, or Detect if it is no session's.
func kind(name string) Hash {
	b, err := hex.DecodeString(name)
	if err != nil || name != hex.EncodeToString(b) {
		return Detect
	}
	for _, h := range []Hash{SHA256, MD5} {
		if counter := h.name(counterName); len(name) == len(counter) && name != counter {
			return h
		}
	}
	return Detect
}

// uses reports whether the store's files may be named by h.
func (s *Store) uses(h Hash) bool {
	return h != Detect && (s.opts.Hash == Detect || s.opts.Hash == h)
}

// place is where a session may be.
type place struct {
	hash Hash
	path string
}

func (s *Store) place(id string, h Hash) place {
	return place{h, filepath.Join(s.dir, h.name(s.opts.Prefix+id))}
}

// places returns where a session may be. What Python uses now comes first, since Python
// looks nowhere else: if a session has files under both names, that one is the live
// one.
func (s *Store) places(id string) []place {
	first := s.Hash()
	if s.opts.Hash != Detect {
		return []place{s.place(id, first)}
	}
	return []place{s.place(id, first), s.place(id, SHA256+MD5-first)}
}

// lock takes the locks of all places of a session. A file's lock is that of its own name:
// a sweep knows one name alone.
func (s *Store) lock(ctx context.Context, places []place) (unlock func(), err error) {
	a := shard(places[0].path)
	b := shard(places[len(places)-1].path)
	first, err := s.locks.Lock(ctx, min(a, b)) // in one order, or two could wait for each other
	if err != nil || a == b {
		return first, err
	}
	second, err := s.locks.Lock(ctx, max(a, b))
	if err != nil {
		first()
		return nil, err
	}
	return func() { second(); first() }, nil
}

// shard returns the lock of a file: the first byte of its name.
func shard(path string) byte {
	b, err := hex.DecodeString(filepath.Base(path)[:2])
	if err != nil {
		panic("cachelibstore: a name that is no hash")
	}
	return b[0]
}
