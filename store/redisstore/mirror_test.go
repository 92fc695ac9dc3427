package redisstore

import (
	"strconv"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// TestMirror: what was loaded is found until it is invalidated or its time is up, and
// is not taken in when it was invalidated while it was being loaded.
func TestMirror(t *testing.T) {
	m := newMirror("p:")
	later := time.Now().Add(time.Hour).UnixMilli()
	record := func(size int) store.Record { return store.Record{Data: make([]byte, size), Version: "v"} }
	has := func(id string) bool { _, _, ok := m.get(id); return ok }

	_, seq, ok := m.get("a")
	if ok {
		t.Error("an empty mirror has a record")
	}
	m.put("a", seq, record(10), later)
	if r, _, ok := m.get("a"); !ok || len(r.Data) != 10 {
		t.Errorf("got %v, %v", r, ok)
	}
	m.forget("a")
	if has("a") {
		t.Error("it is there after an invalidation")
	}
	m.put("a", seq, record(10), later)
	if has("a") {
		t.Error("what was asked for before an invalidation was taken in after it")
	}
	_, seq, _ = m.get("a")
	m.put("a", seq, record(10), time.Now().UnixMilli())
	if has("a") {
		t.Error("it is there after its time")
	}
	_, seq, _ = m.get("b")
	m.put("b", seq, record(largestMirrored+1), later)
	if has("b") {
		t.Error("a large one was taken in")
	}
	m.put("b", seq, record(10), later)
	m.invalidate(nil)
	if has("b") {
		t.Error("it is there after everything was invalidated")
	}
	m.put("b", seq, record(10), later)
	if has("b") {
		t.Error("what was asked for before everything was invalidated was taken in after it")
	}
}

func TestMirrorBounded(t *testing.T) {
	m := newMirror("")
	later := time.Now().Add(time.Hour).UnixMilli()
	for i := range 20_000 {
		id := strconv.Itoa(i)
		_, seq, _ := m.get(id)
		m.put(id, seq, store.Record{Data: make([]byte, largestMirrored)}, later)
		m.put(id, seq, store.Record{Data: make([]byte, largestMirrored-1)}, later) // in its place
		if i%7 == 0 {
			m.forget(id)
		}
	}
	for i := range m.places {
		p := &m.places[i]
		sum := 0
		for _, one := range p.records {
			sum += len(one.record.Data)
		}
		if sum != p.bytes || sum > mirroredBytes {
			t.Errorf("place %d has %d bytes, counts %d, and may have %d", i, sum, p.bytes, mirroredBytes)
		}
	}
}
