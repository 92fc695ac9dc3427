package filestore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"

	"github.com/cloakroom-go/cloakroom/store"
)

// A session file, integers big-endian:
//
//	 0  "CLKR", format 1, three zero bytes
//	 8  expiry slot 0: expiry in Unix nanoseconds (8), sequence (4), CRC-32C of both and the version (4)
//	24  expiry slot 1, likewise
//	40  CRC-32C of bytes 0 to 8 and of all from 44 to the end
//	44  version: 16 random bytes
//	60  deadline in Unix nanoseconds
//	68  length of the id (2), of the owner (2), of the data (4)
//	76  id, owner, data
//
// A touch writes the expiry in place, into the slot that is not in force, and the valid
// slot with the higher sequence is in force. So a touch moves neither data nor version,
// and one that is cut short leaves the expiry from before. (The file's modification
// time would be cheaper to set, but a copy or a restored backup would end every
// session.)
const (
	magic       = "CLKR\x01\x00\x00\x00"
	slotAt      = 8
	slotSize    = 16
	sumAt       = 40
	versionAt   = 44
	versionSize = 16
	deadlineAt  = 60
	lengthsAt   = 68
	headerSize  = 76
	maxFile     = headerSize + 2*math.MaxUint16 + MaxRecord
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is what a file holds.
type record struct {
	id       string
	owner    string
	version  string
	data     []byte
	deadline int64
	expires  int64
	sequence uint32 // of the expiry slot in force
	slot     int    // which of the two that is
	size     int    // of the file
}

func (r *record) record() store.Record {
	return store.Record{
		Data:     r.data,
		Expires:  fromNanos(r.expires),
		Owner:    r.owner,
		Deadline: fromNanos(r.deadline),
		Version:  store.Version(r.version),
	}
}

// encode appends the file of r, in its first expiry slot, to b, which is empty.
func encode(b []byte, r *record) ([]byte, error) {
	if len(r.id) > math.MaxUint16 || len(r.owner) > math.MaxUint16 || len(r.data) > MaxRecord {
		return nil, store.ErrTooLarge
	}
	b = slices.Grow(b, headerSize+len(r.id)+len(r.owner)+len(r.data))[:headerSize]
	clear(b)
	copy(b, magic)
	copy(b[versionAt:], r.version)
	putSlot(b[slotAt:], b[versionAt:deadlineAt], r.expires, 1)
	binary.BigEndian.PutUint64(b[deadlineAt:], uint64(r.deadline))
	binary.BigEndian.PutUint16(b[lengthsAt:], uint16(len(r.id)))
	binary.BigEndian.PutUint16(b[lengthsAt+2:], uint16(len(r.owner)))
	binary.BigEndian.PutUint32(b[lengthsAt+4:], uint32(len(r.data)))
	b = append(b, r.id...)
	b = append(b, r.owner...)
	b = append(b, r.data...)
	binary.BigEndian.PutUint32(b[sumAt:], checksum(b))
	return b, nil
}

func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:slotAt], castagnoli), castagnoli, b[versionAt:])
}

// encodeSlot returns an expiry slot of the file of that version.
func encodeSlot(version string, expires int64, sequence uint32) []byte {
	b := make([]byte, slotSize)
	putSlot(b, []byte(version), expires, sequence)
	return b
}

func putSlot(b, version []byte, expires int64, sequence uint32) {
	binary.BigEndian.PutUint64(b, uint64(expires))
	binary.BigEndian.PutUint32(b[8:], sequence)
	binary.BigEndian.PutUint32(b[12:], slotSum(b, version))
}

func slotSum(b, version []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, version)
}

var (
	errTooShort = errors.New("it is too short")
	errForeign  = errors.New("it is no session file, or of a later format")
	errLength   = errors.New("its length is not the one stated")
	errChecksum = errors.New("its checksum does not match")
	errExpiry   = errors.New("it has no valid expiry")
	errKind     = errors.New("it is no regular file")
	errOtherID  = errors.New("it holds the record of another id")
)

// stated returns how long the file is that begins with b, by its header, and false if
// that says nothing.
func stated(b []byte) (int, bool) {
	if len(b) < headerSize || string(b[:slotAt]) != magic {
		return 0, false
	}
	n := headerSize + uint64(binary.BigEndian.Uint16(b[lengthsAt:])) + uint64(binary.BigEndian.Uint16(b[lengthsAt+2:])) +
		uint64(binary.BigEndian.Uint32(b[lengthsAt+4:]))
	return int(min(n, maxFile+1)), true
}

// decode reads the file of the record of that name. The data is a part of b, and
// nothing else is.
func decode(b []byte, name string) (record, error) {
	if len(b) < headerSize {
		return record{}, errTooShort
	}
	n, ok := stated(b)
	if !ok {
		return record{}, errForeign
	}
	if len(b) != n {
		return record{}, errLength
	}
	if binary.BigEndian.Uint32(b[sumAt:]) != checksum(b) {
		return record{}, errChecksum
	}
	ownerAt := headerSize + int(binary.BigEndian.Uint16(b[lengthsAt:]))
	dataAt := ownerAt + int(binary.BigEndian.Uint16(b[lengthsAt+2:]))
	r := record{
		id:       name,
		data:     b[dataAt:],
		deadline: int64(binary.BigEndian.Uint64(b[deadlineAt:])),
		slot:     -1,
		size:     n,
	}
	if id := b[headerSize:ownerAt]; string(id) != name {
		r.id = string(id)
	}
	// Both in one allocation.
	var scratch [versionSize + 64]byte
	both := string(append(append(scratch[:0], b[versionAt:deadlineAt]...), b[ownerAt:dataAt]...))
	r.version, r.owner = both[:versionSize], both[versionSize:]
	for i := range 2 {
		slot := b[slotAt+i*slotSize:][:slotSize]
		sequence := binary.BigEndian.Uint32(slot[8:])
		if sequence > r.sequence && binary.BigEndian.Uint32(slot[12:]) == slotSum(slot, b[versionAt:deadlineAt]) {
			r.slot, r.sequence = i, sequence
			r.expires = int64(binary.BigEndian.Uint64(slot))
		}
	}
	if r.slot < 0 {
		return record{}, errExpiry
	}
	return r, nil
}
