package msgpack

import (
	"encoding/binary"
	"fmt"
	"time"
)

// extTime is the extension type of timestamps in the specification.
const extTime = -1

// Ext is an extension of a type that has no meaning here.
type Ext struct {
	Type int8
	Data []byte
}

// AppendTime appends t as a timestamp extension in its shortest form: to the
// nanosecond, without its location or monotonic reading.
func AppendTime(dst []byte, t time.Time) []byte {
	sec, nsec := t.Unix(), uint64(t.Nanosecond())
	switch {
	case uint64(sec)>>34 != 0: // negative, or beyond the year 2514
		dst = append(dst, ext8, 12, 0xff)
		dst = binary.BigEndian.AppendUint32(dst, uint32(nsec))
		return binary.BigEndian.AppendUint64(dst, uint64(sec))
	case nsec != 0 || uint64(sec)>>32 != 0:
		dst = append(dst, fixExt8, 0xff)
		return binary.BigEndian.AppendUint64(dst, nsec<<34|uint64(sec))
	}
	return binary.BigEndian.AppendUint32(append(dst, fixExt4, 0xff), uint32(sec))
}

// ReadTime reads a timestamp extension, in UTC.
func ReadTime(b []byte) (t time.Time, rest []byte, err error) {
	typ, data, rest, err := ReadExt(b)
	if err != nil {
		return time.Time{}, nil, err
	}
	if typ != extTime {
		return time.Time{}, nil, fmt.Errorf("%w: ext %d, not a timestamp", ErrType, typ)
	}
	t, err = parseTime(data)
	if err != nil {
		return time.Time{}, nil, err
	}
	return t, rest, nil
}

// parseTime decodes the data of a timestamp extension.
func parseTime(data []byte) (time.Time, error) {
	var sec int64
	var nsec uint64
	switch len(data) {
	case 4:
		sec = int64(binary.BigEndian.Uint32(data))
	case 8:
		u := binary.BigEndian.Uint64(data)
		sec, nsec = int64(u&(1<<34-1)), u>>34
	case 12:
		nsec = uint64(binary.BigEndian.Uint32(data))
		sec = int64(binary.BigEndian.Uint64(data[4:]))
	default:
		return time.Time{}, fmt.Errorf("%w (timestamp of %d bytes)", ErrCorrupt, len(data))
	}
	if nsec > 999_999_999 {
		return time.Time{}, fmt.Errorf("%w (nanoseconds of a timestamp)", ErrCorrupt)
	}
	return time.Unix(sec, int64(nsec)).UTC(), nil
}
