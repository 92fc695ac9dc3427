package memstore

import (
	"hash/maphash"
	"strings"
	"sync"
)

// ownerShard holds a part of the owner index. Its lock may be taken under a shard's lock, and no
// lock under it.
type ownerShard struct {
	mu     sync.Mutex
	byName map[string]*owner
}

// owner lists the records of one owner. A reference keeps its place while its record lives, so a
// place is a cursor that stays good.
type owner struct {
	name string
	refs []ref
	free uint32 // the first free place plus one, or 0
	live uint32 // how many refs are not free
}

// ref is the shard and slot of a record; or, with refFree, the next free place plus one.
type ref uint64

const refFree ref = 1 << 63

func newRef(shard int, slot uint32) ref { return ref(shard)<<32 | ref(slot) }

func (r ref) shard() int   { return int(r >> 32) }
func (r ref) slot() uint32 { return uint32(r) }

// named returns the owner's name, "" for nil.
func (o *owner) named() string {
	if o == nil {
		return ""
	}
	return o.name
}

func (s *Store) ownerShard(name string) *ownerShard {
	return &s.owners[maphash.String(s.seed, name)%shardCount]
}

func (s *Store) addOwner(name string, r ref) (*owner, uint32) {
	sh := s.ownerShard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o := sh.byName[name]
	if o == nil {
		o = &owner{name: strings.Clone(name)}
		sh.byName[o.name] = o
	}
	o.live++
	if o.free > 0 {
		pos := o.free - 1
		o.free = uint32(o.refs[pos])
		o.refs[pos] = r
		return o, pos
	}
	o.refs = append(o.refs, r)
	return o, uint32(len(o.refs) - 1)
}

func (s *Store) removeOwner(o *owner, pos uint32) {
	sh := s.ownerShard(o.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o.refs[pos] = refFree | ref(o.free)
	o.free = pos + 1
	if o.live--; o.live == 0 {
		delete(sh.byName, o.name)
	}
}

// ownerPage returns up to limit references of the owner from place pos on, and the place to go on
// from, or -1 at the end. It looks at a bounded number of places.
func (s *Store) ownerPage(name string, pos, limit int) (refs []ref, next int) {
	sh := s.ownerShard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o := sh.byName[name]
	if o == nil || pos >= len(o.refs) {
		return nil, -1
	}
	end := min(len(o.refs), pos+scanFactor*limit)
	for ; pos < end && len(refs) < limit; pos++ {
		if r := o.refs[pos]; r&refFree == 0 {
			refs = append(refs, r)
		}
	}
	if pos == len(o.refs) {
		return refs, -1
	}
	return refs, pos
}
