package memstore

import (
	"slices"
	"testing"
)

// A place that is free is the next one to be taken, and an owner without records is forgotten.
func TestPlaces(t *testing.T) {
	s, _ := still(t)
	var o *owner
	add := func(slot, want uint32) {
		t.Helper()
		var pos uint32
		if o, pos = s.addOwner("ann", newRef(3, slot)); pos != want {
			t.Errorf("slot %d is at place %d, want %d", slot, pos, want)
		}
	}
	for slot := range uint32(3) {
		add(slot, slot)
	}
	s.removeOwner(o, 1)
	s.removeOwner(o, 0)
	add(10, 0)
	add(11, 1)
	add(12, 3)
	want := []ref{newRef(3, 10), newRef(3, 11), newRef(3, 2), newRef(3, 12)}
	if refs, next := s.ownerPage("ann", 0, 4); !slices.Equal(refs, want) || next != -1 {
		t.Errorf("listed %v, %d, want %v", refs, next, want)
	}
	for pos := range uint32(4) {
		s.removeOwner(o, pos)
	}
	if n := len(s.ownerShard("ann").byName); n != 0 {
		t.Errorf("%d owners are left", n)
	}
}

// A page looks at so many places at most, since most may be free, and is short then.
func TestOwnerPage(t *testing.T) {
	s, _ := still(t)
	const last = 2*scanFactor + 3
	var o *owner
	for slot := range uint32(last + 1) {
		o, _ = s.addOwner("ann", newRef(0, slot))
	}
	for pos := range uint32(last) {
		s.removeOwner(o, pos)
	}
	for _, c := range []struct {
		name         string
		pos, limit   int
		listed, next int
	}{
		{"ann", 0, 1, 0, scanFactor},
		{"ann", scanFactor, 1, 0, 2 * scanFactor},
		{"ann", 2 * scanFactor, 1, 1, -1},
		{"ann", 0, 2, 0, 2 * scanFactor},
		{"ann", 0, 3, 1, -1},
		{"ann", last, 1, 1, -1},
		{"ann", last + 1, 1, 0, -1},
		{"bob", 0, 1, 0, -1},
	} {
		refs, next := s.ownerPage(c.name, c.pos, c.limit)
		if len(refs) != c.listed || next != c.next {
			t.Errorf("%+v: %v, %d", c, refs, next)
		}
	}
	s.addOwner("eve", newRef(0, 1))
	s.addOwner("eve", newRef(0, 2))
	if refs, next := s.ownerPage("eve", 0, 1); len(refs) != 1 || next != 1 {
		t.Errorf("a full page: %v, %d", refs, next)
	}
}
