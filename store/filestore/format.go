package filestore

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

// A session file, integers big-endian:
//
//	 0  "CLKR", format 2, three zero bytes
//	 8  CRC-32C of all from 12 to the end
//	12  version: 16 random bytes
//	28  expiry: Unix seconds (8), nanoseconds (4)
//	40  deadline, likewise
//	52  length of the id (2), of the owner (2), of the data (4)
//	60  id, owner, data
//
// The file's modification time would be an expiry that is cheaper to set, but a copy or a
// restored backup would end every session.
const (
	magic      = "CLKR\x02\x00\x00\x00"
	formatAt   = 4
	sumAt      = 8
	versionAt  = 12
	expiresAt  = 28
	deadlineAt = 40
	lengthsAt  = 52
	headerSize = 60
	maxFile    = headerSize + 2*math.MaxUint16 + MaxRecord
)

// record is what a file holds.
type record struct {
	store.Record
	id string
}

// encode returns the file of r, whose version has 16 bytes.
func encode(r record) ([]byte, error) {
	if len(r.id) > math.MaxUint16 || len(r.Owner) > math.MaxUint16 || len(r.Data) > MaxRecord {
		return nil, store.ErrTooLarge
	}
	b := make([]byte, versionAt, headerSize+len(r.id)+len(r.Owner)+len(r.Data))
	copy(b, magic)
	b = append(b, r.Version...)
	b = appendTime(b, r.Expires)
	b = appendTime(b, r.Deadline)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.id)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Owner)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Data)))
	b = append(b, r.id...)
	b = append(b, r.Owner...)
	b = append(b, r.Data...)
	binary.BigEndian.PutUint32(b[sumAt:], checksum(b))
	return b, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b[versionAt:], castagnoli) }

// appendTime appends a time; the zero time stays what it is.
func appendTime(b []byte, t time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func timeAt(b []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:])))
}

// damage is why a file cannot be read as a record.
type damage string

func (d damage) Error() string { return string(d) }

const (
	errForeign  damage = "it is no session file, or of an earlier format"
	errLater    damage = "it is of a later format"
	errLength   damage = "its length is not the one stated"
	errChecksum damage = "its checksum does not match"
	errOtherID  damage = "it holds the record of another id"
)

// isWhole reports whether b, with which a file begins, is as long as its header states.
func isWhole(b []byte) bool {
	if len(b) < headerSize {
		return false
	}
	ids := int(binary.BigEndian.Uint16(b[lengthsAt:])) + int(binary.BigEndian.Uint16(b[lengthsAt+2:]))
	return uint64(len(b)-headerSize-ids) == uint64(binary.BigEndian.Uint32(b[lengthsAt+4:]))
}

// decode reads the file of that name. The data is a part of b, and nothing else is.
func decode(b []byte, name string) (record, error) {
	switch {
	case len(b) < headerSize || string(b[:formatAt]) != magic[:formatAt]:
		return record{}, errForeign
	case b[formatAt] > magic[formatAt]:
		return record{}, errLater
	case string(b[:sumAt]) != magic:
		return record{}, errForeign
	case !isWhole(b):
		return record{}, errLength
	case binary.BigEndian.Uint32(b[sumAt:]) != checksum(b):
		return record{}, errChecksum
	}
	ownerAt := headerSize + int(binary.BigEndian.Uint16(b[lengthsAt:]))
	dataAt := ownerAt + int(binary.BigEndian.Uint16(b[lengthsAt+2:]))
	r := record{id: name}
	if id := b[headerSize:ownerAt]; string(id) != name {
		r.id = string(id)
		if folder.Name(r.id) != name {
			return record{}, errOtherID
		}
	}
	r.Owner, r.Data = string(b[ownerAt:dataAt]), b[dataAt:]
	r.Version = store.Version(b[versionAt:expiresAt])
	r.Expires, r.Deadline = timeAt(b[expiresAt:]), timeAt(b[deadlineAt:])
	return r, nil
}
