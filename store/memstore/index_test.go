package memstore

import (
	"math/rand/v2"
	"testing"
)

// TestIndex: what was added and not removed is found, however hashes collide, and
// nothing else.
func TestIndex(t *testing.T) {
	for _, spread := range []uint64{1, 7, 1 << 20} { // of hashes, so that few are alone or all
		var ix index
		lots := rand.New(rand.NewPCG(1, spread))
		in := map[uint32]uint64{}
		for step := range 20_000 {
			slot := lots.Uint32N(500)
			if hash, ok := in[slot]; ok {
				ix.remove(hash, slot)
				delete(in, slot)
			} else {
				in[slot] = lots.Uint64N(spread)<<32 | uint64(lots.Uint32())
				ix.add(in[slot], slot)
			}
			if ix.used != len(in) {
				t.Fatalf("step %d: %d entries, want %d", step, ix.used, len(in))
			}
			if step%100 != 0 {
				continue
			}
			found := 0
			for slot, hash := range in {
				mask := ix.mask()
				for i := uint32(hash>>32) & mask; ix.entries[i] != 0; i = (i + 1) & mask {
					if ix.entries[i] == hash&tagged|uint64(slot+1) {
						found++
						break
					}
				}
			}
			if found != len(in) {
				t.Fatalf("step %d: %d of %d entries are found", step, found, len(in))
			}
		}
	}
}

// The index grows when more than three quarters of it would be used, and not before.
func TestIndexGrows(t *testing.T) {
	var ix index
	want := 8
	for slot := range uint32(1000) {
		for 4*int(slot+1) > 3*want {
			want *= 2
		}
		if ix.add(uint64(slot)<<40, slot); len(ix.entries) != want {
			t.Fatalf("%d entries have %d places, want %d", slot+1, len(ix.entries), want)
		}
	}
}
