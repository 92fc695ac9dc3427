package msgspec

import (
	"errors"
	"math/big"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// ReadMessagePack reads the one MessagePack value that b holds.
func ReadMessagePack(b []byte) (pickle.Value, error) {
	n, err := msgpack.Next(b, msgpack.Limits{Depth: MaxDepth}) // what follows recurses
	switch {
	case err != nil:
		return nil, malformed(messagePack, err)
	case n != len(b):
		return nil, malformed(messagePack, msgpack.ErrTrailing)
	}
	r := unpacker{}
	v, _, err := r.value(b, false)
	return v, err
}

// ReadMessagePackKey is [ReadMessagePack] for a key of a map, where an array is a tuple.
func ReadMessagePackKey(b []byte) (pickle.Value, error) {
	n, err := msgpack.Next(b, msgpack.Limits{Depth: MaxDepth})
	if err != nil || n != len(b) {
		return nil, malformed(messagePack, msgpack.ErrTrailing)
	}
	r := unpacker{}
	v, _, err := r.value(b, true)
	return v, err
}

type unpacker struct{ budget pickle.Budget }

// value reads the first value of b, which is well-formed. As a key, or within one, an
// array is a tuple.
func (r *unpacker) value(b []byte, key bool) (v pickle.Value, rest []byte, err error) {
	if err := r.budget.Spend(); err != nil {
		return nil, nil, err
	}
	switch c := b[0]; {
	case c <= 0x7f || c >= 0xe0 || c >= 0xd0 && c <= 0xd3:
		v, rest, err = readInt(b)
	case c >= 0xcc && c <= 0xcf:
		v, rest, err = readUint(b)
	case c <= 0x8f || c == 0xde || c == 0xdf:
		if key {
			return nil, nil, malformed(messagePack, errors.New("a map as a key"))
		}
		return r.dict(b)
	case c <= 0x9f || c == 0xdc || c == 0xdd:
		return r.array(b, key)
	case c <= 0xbf || c >= 0xd9 && c <= 0xdb:
		v, rest, err = readText(b)
	case c == 0xc0:
		return nil, b[1:], nil
	case c == 0xc2 || c == 0xc3:
		return c == 0xc3, b[1:], nil
	case c >= 0xc4 && c <= 0xc6:
		var data []byte
		data, rest, err = msgpack.ReadBytes(b)
		v = pickle.Bytes(data)
	case c == 0xca || c == 0xcb:
		v, rest, err = msgpack.ReadFloat64(b)
	default:
		return readTime(b)
	}
	if err != nil && !errors.Is(err, ErrHold) {
		err = malformed(messagePack, err)
	}
	return v, rest, err
}

func readInt(b []byte) (pickle.Value, []byte, error) {
	n, rest, err := msgpack.ReadInt(b)
	return n, rest, err
}

func readUint(b []byte) (pickle.Value, []byte, error) {
	n, rest, err := msgpack.ReadUint(b)
	return pickle.Int(new(big.Int).SetUint64(n)), rest, err
}

func readText(b []byte) (pickle.Value, []byte, error) {
	s, rest, err := msgpack.ReadString(b)
	if err == nil && !utf8.Valid(s) {
		err = cannotHold("Python", "a str that is not UTF-8")
	}
	return string(s), rest, err
}

func readTime(b []byte) (pickle.Value, []byte, error) {
	typ, _, _, err := msgpack.ReadExt(b)
	if err == nil && typ != -1 {
		return nil, nil, cannotHold("Python's plain data", "an extension")
	}
	t, rest, err := msgpack.ReadTime(b)
	if err != nil {
		return nil, nil, malformed(messagePack, err)
	}
	v, err := pickle.UTC(t)
	if err != nil {
		return nil, nil, cannotHold("Python",
			"a time that is not whole microseconds of the years 1 to 9999")
	}
	return v, rest, nil
}

func (r *unpacker) array(b []byte, key bool) (pickle.Value, []byte, error) {
	n, rest, err := msgpack.ReadArrayHeader(b)
	if err != nil {
		return nil, nil, malformed(messagePack, err)
	}
	items := make([]pickle.Value, n) // b is well-formed, so it has as many
	for i := range items {
		if items[i], rest, err = r.value(rest, key); err != nil {
			return nil, nil, err
		}
	}
	if key {
		return pickle.Tuple(items), rest, nil
	}
	return &pickle.List{Items: items}, rest, nil
}

func (r *unpacker) dict(b []byte) (pickle.Value, []byte, error) {
	n, rest, err := msgpack.ReadMapHeader(b)
	if err != nil {
		return nil, nil, malformed(messagePack, err)
	}
	d := &pickle.Dict{}
	for range n {
		var key, value pickle.Value
		if key, rest, err = r.value(rest, true); err != nil {
			return nil, nil, err
		}
		if value, rest, err = r.value(rest, false); err != nil {
			return nil, nil, err
		}
		if err := d.Set(key, value); err != nil {
			return nil, nil, malformed(messagePack, err)
		}
	}
	return d, rest, nil
}
