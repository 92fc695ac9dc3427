package memstore

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/cloakroom-go/cloakroom"
)

// item is one record: 88 bytes.
type item struct {
	id       string
	data     []byte
	version  cloakroom.Version // empty: the slot is free
	expires  int64
	deadline int64
	owner    *owner // nil: nobody
	ownerPos uint32 // its place in owner.refs
	heapPos  uint32 // its place in shard.heap, or in a free slot the next free slot plus one
}

// chunkLen makes a chunk fill an 8 KiB size class of the allocator, whose header takes 8 bytes.
const chunkLen = 93

// shard holds a part of the records. Records lie in slots that never move while they live, so a
// slot number is a cursor that stays good, and the slots grow by chunks, so that no operation
// ever copies them all.
type shard struct {
	mu     sync.Mutex
	byID   map[string]uint32
	chunks []*[chunkLen]item
	used   uint32 // slots handed out so far
	free   uint32 // the first free slot plus one
	heap   []due
	seq    uint64 // of the latest version
}

// due is when a slot is next looked at by a sweep: at its record's expiry or before it, since a touch
// to a later time leaves the heap alone.
type due struct {
	at   int64
	slot uint32
}

func (s *Store) hash(id string) int { return int(maphash.String(s.seed, id) % shardCount) }

func (sh *shard) at(slot uint32) *item { return &sh.chunks[slot/chunkLen][slot%chunkLen] }

// live returns the record of id unless it is missing or expired.
func (sh *shard) live(id string, now int64) (*item, uint32) {
	slot, ok := sh.byID[id]
	if !ok {
		return nil, 0
	}
	it := sh.at(slot)
	if it.expires <= now {
		return nil, 0
	}
	return it, slot
}

// next returns a version that this shard never returned before. An id always falls into the same
// shard, so no version comes back under one id.
func (sh *shard) next() cloakroom.Version {
	sh.seq++
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], sh.seq)
	return cloakroom.Version(b[:])
}

// insert stores r in a free slot. Room was reserved, and id is not in use.
func (s *Store) insert(n int, id string, r cloakroom.Record) cloakroom.Version {
	sh := &s.shards[n]
	var slot uint32
	if sh.free > 0 {
		slot = sh.free - 1
		sh.free = sh.at(slot).heapPos
	} else {
		slot = sh.used
		if slot%chunkLen == 0 {
			sh.chunks = append(sh.chunks, new([chunkLen]item))
		}
		sh.used++
	}
	it := sh.at(slot)
	*it = item{
		id:       strings.Clone(id), // it may be part of something large
		data:     r.Data,
		version:  sh.next(),
		expires:  nanos(r.Expires),
		deadline: nanos(r.Deadline),
	}
	if r.Owner != "" {
		it.owner, it.ownerPos = s.addOwner(r.Owner, newRef(n, slot))
	}
	sh.byID[it.id] = slot
	sh.push(due{it.expires, slot})
	return it.version
}

// update stores r in place of what the slot holds. Room was reserved.
func (s *Store) update(n int, slot uint32, r cloakroom.Record) cloakroom.Version {
	sh := &s.shards[n]
	it := sh.at(slot)
	it.data = r.Data
	it.version = sh.next()
	it.deadline = nanos(r.Deadline)
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
	s.reserve(-1, -size(it.id, it.data))
	delete(sh.byID, it.id)
	sh.unheap(it.heapPos)
	if it.owner != nil {
		s.removeOwner(it.owner, it.ownerPos)
	}
	*it = item{heapPos: sh.free}
	sh.free = slot + 1
}

// expire sets when it expires. Only an earlier time moves the heap.
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
	sh.at(moved.slot).heapPos = p
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
