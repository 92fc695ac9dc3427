package redisstore

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// mirror holds records of the client's cache as Load returns them: finding one costs a quarter of
// building the command whose answer the client has. It relies on the client's invalidations, so
// only clients that [Opener] made have one.
//
// The client calls invalidate after it has dropped its own copy, and before it reads any later
// answer. So what was asked for after a place's latest invalidation is newer than that.
type mirror struct {
	prefix string
	seed   maphash.Seed
	places [1 << 8]mirrorPlace
}

type mirrorPlace struct {
	mu      sync.RWMutex
	records map[string]mirrored // by id
	bytes   int
	seq     uint64 // moves with each invalidation
}

type mirrored struct {
	record store.Record
	until  int64 // Unix milliseconds
}

const (
	// mirroredBytes is how much data a place holds: 64 MiB in all. A full place is emptied.
	mirroredBytes = 1 << 18
	// largestMirrored is the largest record: decoding a larger one costs more than finding it.
	largestMirrored = 1 << 14
)

func newMirror(prefix string) *mirror { return &mirror{prefix: prefix, seed: maphash.MakeSeed()} }

func (m *mirror) place(id string) *mirrorPlace {
	return &m.places[maphash.String(m.seed, id)%uint64(len(m.places))]
}

// get returns the record of id, or else the seq that put needs if the record is loaded now.
func (m *mirror) get(id string) (r store.Record, seq uint64, ok bool) {
	p := m.place(id)
	p.mu.RLock()
	defer p.mu.RUnlock()
	one, ok := p.records[id]
	if !ok || one.until <= time.Now().UnixMilli() {
		return store.Record{}, p.seq, false
	}
	return one.record, 0, true
}

// put keeps a record that was loaded, unless it may have been invalidated since get.
func (m *mirror) put(id string, seq uint64, r store.Record, until int64) {
	if len(r.Data) > largestMirrored {
		return
	}
	p := m.place(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seq != seq {
		return
	}
	if p.records == nil || p.bytes+len(r.Data) > mirroredBytes {
		p.records, p.bytes = make(map[string]mirrored), 0
	}
	p.bytes += len(r.Data) - len(p.records[id].record.Data)
	p.records[id] = mirrored{r, until}
}

// invalidate forgets keys that have changed; nil, as when a connection is lost, is all.
func (m *mirror) invalidate(keys []rueidis.RedisMessage) {
	if keys == nil {
		for i := range m.places {
			p := &m.places[i]
			p.mu.Lock()
			p.records, p.bytes = nil, 0
			p.seq++
			p.mu.Unlock()
		}
		return
	}
	for i := range keys {
		key, err := keys[i].ToString()
		if err != nil || len(key) < len(m.prefix) {
			continue
		}
		m.forget(key[len(m.prefix):])
	}
}

func (m *mirror) forget(id string) {
	p := m.place(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes -= len(p.records[id].record.Data)
	delete(p.records, id)
	p.seq++
}
