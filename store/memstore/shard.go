package memstore

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// item is one record, of 128 bytes: two adjacent lines of the processor's cache. It contains its
// id, so that comparing that costs no further access to memory. It has no deadline: this store's
// index needs none.
type item struct {
	id       [shortID]byte // padded with zeros; all zeros: see shard.other
	data     []byte
	version  store.Version // empty: the slot is free
	expires  int64
	owner    *owner // nil for none
	ownerPos uint32 // its place in owner.refs
	heapPos  uint32 // its place in shard.heap, or in a free slot the next free slot plus one
}

// chunk is an object of the allocator's 8 KiB class, which begins with a header of 8 bytes.
type chunk struct {
	_     [56]byte // so that items begin where lines of the cache do
	items [chunkLen]item
}

const (
	shortID  = 64 // how long the ids of the core are
	chunkLen = 63

	// indexes is how many indexes a shard has: each is small, so that growing it is quick.
	indexes = 16
)

// shard holds a part of the records. A record keeps its slot while it lives, so a slot number is a
// cursor that stays good. Slots grow by chunks, so that no operation copies them all.
type shard struct {
	mu     sync.Mutex
	byID   [indexes]index
	other  map[uint32]string // ids that an item cannot hold, by slot
	chunks []*chunk
	used   uint32 // slots handed out so far
	free   uint32 // the first free slot plus one
	heap   []due
	seq    uint64 // of the latest version
	latest int64  // the time that the latest operation went by
}

// due is when a sweep next looks at a slot: at its record's expiry or earlier, since a touch to a
// later time leaves the heap alone.
type due struct {
	at   int64
	slot uint32
}

// shard returns where the record of id is, by number, and the hash of the id.
func (s *Store) shard(id string) (n int, hash uint64) {
	hash = maphash.String(s.seed, id)
	return int(hash % shardCount), hash
}

func (sh *shard) index(hash uint64) *index { return &sh.byID[hash/shardCount%indexes] }

func (sh *shard) at(slot uint32) *item { return &sh.chunks[slot/chunkLen].items[slot%chunkLen] }

// fits reports whether an item can hold an id. It cannot if the id is longer than shortID, or
// contains a zero byte, which the contract does not allow.
func fits(id string) bool {
	return id != "" && len(id) <= shortID && strings.IndexByte(id, 0) < 0
}

// find returns the slot of id, whether its record has expired or not.
func (sh *shard) find(hash uint64, id string) (slot uint32, ok bool) {
	ix := sh.index(hash)
	if ix.used == 0 {
		return 0, false
	}
	mask := ix.mask()
	for i := home(hash, mask); ; i = (i + 1) & mask {
		entry := ix.entries[i]
		if entry == 0 {
			return 0, false
		}
		if slot := uint32(entry) - 1; entry&tagged == hash&tagged && sh.has(slot, id) {
			return slot, true
		}
	}
}

// has reports whether the record in a slot has this id.
func (sh *shard) has(slot uint32, id string) bool {
	it := sh.at(slot)
	if it.id[0] == 0 {
		return sh.other[slot] == id
	}
	n := len(id)
	return n <= shortID && string(it.id[:n]) == id && (n == shortID || it.id[n] == 0) && id[n-1] != 0
}

// id returns that of the record in a slot.
func (sh *shard) id(slot uint32) string {
	it := sh.at(slot)
	if it.id[0] == 0 {
		return sh.other[slot]
	}
	return string(bytes.TrimRight(it.id[:], "\x00"))
}

// notBefore returns the time to use for an operation that read the clock before it locked the
// shard: the time that it saw, or a later one that another operation has used. It is not ok if that
// is so much later that the clock must have been set.
func (sh *shard) notBefore(saw int64) (now int64, ok bool) {
	switch ahead := sh.latest - saw; {
	case ahead <= 0:
		sh.latest = saw
		return saw, true
	case ahead < int64(time.Second):
		return sh.latest, true
	}
	return saw, false
}

// live returns the record of id unless it is missing or expired.
func (sh *shard) live(hash uint64, id string, now int64) (*item, uint32) {
	sh.latest = now
	slot, ok := sh.find(hash, id)
	if !ok {
		return nil, 0
	}
	it := sh.at(slot)
	if it.expires <= now {
		return nil, 0
	}
	return it, slot
}

// next returns a version that this shard has not returned before. An id is always in the same
// shard, so it gets no version twice.
func (sh *shard) next() store.Version {
	sh.seq++
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], sh.seq)
	return store.Version(b[:])
}

// insert stores r in a free slot of shard n. Room was reserved, and id is not in use.
func (s *Store) insert(n int, hash uint64, id string, r store.Record) store.Version {
	sh := &s.shards[n]
	var slot uint32
	if sh.free > 0 {
		slot = sh.free - 1
		sh.free = sh.at(slot).heapPos
	} else {
		slot = sh.used
		if slot%chunkLen == 0 {
			sh.chunks = append(sh.chunks, new(chunk))
		}
		sh.used++
	}
	it := sh.at(slot)
	*it = item{data: r.Data, version: sh.next(), expires: nanos(r.Expires)}
	if fits(id) {
		copy(it.id[:], id)
	} else {
		if sh.other == nil {
			sh.other = make(map[uint32]string)
		}
		sh.other[slot] = strings.Clone(id) // it may be part of a large string
	}
	if r.Owner != "" {
		it.owner, it.ownerPos = s.addOwner(r.Owner, newRef(n, slot))
	}
	sh.index(hash).add(hash, slot)
	sh.push(due{it.expires, slot})
	return it.version
}

// update stores r in place of what the slot holds. Room was reserved.
func (s *Store) update(n int, slot uint32, r store.Record) store.Version {
	sh := &s.shards[n]
	it := sh.at(slot)
	it.data = r.Data
	it.version = sh.next()
	if before, pos := it.owner, it.ownerPos; before.named() != r.Owner {
		it.owner = nil
		if r.Owner != "" {
			it.owner, it.ownerPos = s.addOwner(r.Owner, newRef(n, slot))
		}
		if before != nil {
			s.removeOwner(before, pos)
		}
	}
	sh.expire(it, nanos(r.Expires))
	return it.version
}

// remove frees the slot and gives its room back.
func (s *Store) remove(n int, slot uint32) {
	sh := &s.shards[n]
	it := sh.at(slot)
	id := sh.id(slot)
	_, hash := s.shard(id)
	s.reserve(-1, -size(id, it.data))
	sh.index(hash).remove(hash, slot)
	delete(sh.other, slot)
	sh.unheap(it.heapPos)
	if it.owner != nil {
		s.removeOwner(it.owner, it.ownerPos)
	}
	*it = item{heapPos: sh.free}
	sh.free = slot + 1
}

// expire sets when a record expires. Only an earlier time changes the heap.
func (sh *shard) expire(it *item, at int64) {
	it.expires = at
	if p := it.heapPos; at < sh.heap[p].at {
		sh.heap[p].at = at
		sh.up(p)
	}
}

func (sh *shard) push(d due) {
	sh.heap = append(sh.heap, d)
	sh.up(uint32(len(sh.heap) - 1))
}

// unheap takes the entry at p out of the heap.
func (sh *shard) unheap(p uint32) {
	last := uint32(len(sh.heap) - 1)
	moved := sh.heap[last]
	sh.heap = sh.heap[:last]
	if p == last {
		return
	}
	sh.heap[p] = moved
	sh.up(p)
	sh.down(sh.at(moved.slot).heapPos)
}

func (sh *shard) up(p uint32) {
	d := sh.heap[p]
	for p > 0 {
		parent := (p - 1) / 2
		if sh.heap[parent].at <= d.at {
			break
		}
		sh.place(p, sh.heap[parent])
		p = parent
	}
	sh.place(p, d)
}

func (sh *shard) down(p uint32) {
	d := sh.heap[p]
	n := uint32(len(sh.heap))
	for {
		child := 2*p + 1
		if child >= n {
			break
		}
		if child+1 < n && sh.heap[child+1].at < sh.heap[child].at {
			child++
		}
		if d.at <= sh.heap[child].at {
			break
		}
		sh.place(p, sh.heap[child])
		p = child
	}
	sh.place(p, d)
}

func (sh *shard) place(p uint32, d due) {
	sh.heap[p] = d
	sh.at(d.slot).heapPos = p
}
