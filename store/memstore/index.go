package memstore

// index finds slots by the hashes of their ids, by open addressing with linear probing. An entry is
// the upper half of the hash, and the slot plus one; zero is none. Finding one of a million
// sessions costs one access to memory that is in no cache, and another to its record; with a map it
// was five.
type index struct {
	entries []uint64 // a power of two of them, at most three quarters used
	used    int
}

const tagged = 1<<64 - 1<<32 // the part of an entry that is of the hash

func (ix *index) mask() uint32 { return uint32(len(ix.entries) - 1) }

// home is where an entry would be if it were alone.
func home(entry uint64, mask uint32) uint32 { return uint32(entry>>32) & mask }

func (ix *index) add(hash uint64, slot uint32) {
	if 4*(ix.used+1) > 3*len(ix.entries) {
		ix.grow()
	}
	ix.used++
	ix.put(hash&tagged | uint64(slot+1))
}

func (ix *index) put(entry uint64) {
	mask := ix.mask()
	i := home(entry, mask)
	for ix.entries[i] != 0 {
		i = (i + 1) & mask
	}
	ix.entries[i] = entry
}

func (ix *index) grow() {
	before := ix.entries
	ix.entries = make([]uint64, max(8, 2*len(before)))
	for _, entry := range before {
		if entry != 0 {
			ix.put(entry)
		}
	}
}

// remove removes an entry, which must be there, and closes the gap that it leaves.
func (ix *index) remove(hash uint64, slot uint32) {
	mask, entry := ix.mask(), hash&tagged|uint64(slot+1)
	gap := home(entry, mask)
	for ix.entries[gap] != entry {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; ix.entries[i] != 0; i = (i + 1) & mask {
		if (i-home(ix.entries[i], mask))&mask >= (i-gap)&mask {
			ix.entries[gap] = ix.entries[i]
			gap = i
		}
	}
	ix.entries[gap] = 0
	ix.used--
}
