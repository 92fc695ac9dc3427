package cachelibstore

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// extPickle is the type of the MessagePack extension that stands for a value which MessagePack cannot
// hold: its pickle.
const extPickle = 0x50

var (
	errNoDict   = errors.New("it holds no dict whose keys are strs")
	errDocument = errors.New("the data is neither a MessagePack map nor a JSON object with names alone")
)

// document returns a session's dict as a MessagePack map.
func document(d *pickle.Dict) ([]byte, error) {
	out := msgpack.AppendMapHeader(nil, len(d.Keys))
	for i, key := range d.Keys {
		name, ok := key.(string)
		if !ok {
			return nil, errNoDict
		}
		if len(out) > pickle.MaxBytes {
			return nil, pickle.ErrTooLarge
		}
		out = msgpack.AppendString(out, name)
		value, err := encode(d.Values[i])
		if err != nil {
			return nil, err
		}
		out = append(out, value...)
	}
	return out, nil
}

// encode returns a value as MessagePack.
func encode(v pickle.Value) ([]byte, error) {
	value, err := msgspec.AppendMessagePack(nil, v)
	if !errors.Is(err, msgspec.ErrHold) {
		return value, err
	}
	pickled, err := pickle.Append(nil, v)
	if err != nil {
		return nil, err
	}
	return msgpack.AppendExt(nil, extPickle, pickled), nil
}

// dictOf returns the dict that a document stands for. A value that is what before has under its name is
// taken from there, with the type that Python gave it.
func dictOf(data []byte, before *pickle.Dict) (*pickle.Dict, error) {
	if len(data) > 0 && (data[0]&0xf0 == 0x80 || data[0] == 0xde || data[0] == 0xdf) {
		return dictOfMessagePack(data, before)
	}
	v, err := msgspec.ReadJSON(data)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, errDocument
	}
	for i, key := range d.Keys {
		name, _ := key.(string) // JSON has no others
		old, ok := before.Get(name)
		if !ok {
			continue
		}
		oldJSON, err := msgspec.AppendJSON(nil, old)
		if err != nil {
			continue
		}
		newJSON, err := msgspec.AppendJSON(nil, d.Values[i])
		if err == nil && bytes.Equal(oldJSON, newJSON) {
			d.Values[i] = old
		}
	}
	return d, nil
}

func dictOfMessagePack(data []byte, before *pickle.Dict) (*pickle.Dict, error) {
	n, rest, err := msgpack.ReadMapHeader(data)
	if err != nil {
		return nil, err
	}
	d := &pickle.Dict{}
	for range n {
		name, after, err := msgpack.ReadString(rest)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDocument, err)
		}
		size, err := msgpack.Next(after, msgpack.Limits{Depth: pickle.MaxDepth})
		if err != nil {
			return nil, err
		}
		v, err := valueOf(string(name), after[:size:size], before)
		if err != nil {
			return nil, err
		}
		if !pickle.ValidText(string(name)) {
			return nil, errDocument
		}
		if err := d.Set(string(name), v); err != nil {
			return nil, err
		}
		rest = after[size:]
	}
	if len(rest) > 0 || len(d.Keys) != n {
		return nil, errDocument
	}
	return d, nil
}

// valueOf returns the value of a name that is encoded as MessagePack.
func valueOf(name string, encoded []byte, before *pickle.Dict) (pickle.Value, error) {
	if old, ok := before.Get(name); ok {
		if same, err := encode(old); err == nil && bytes.Equal(same, encoded) {
			return old, nil
		}
	}
	if typ, pickled, _, err := msgpack.ReadExt(encoded); err == nil && typ == extPickle {
		return pickle.Decode(pickled)
	}
	return msgspec.ReadMessagePack(encoded)
}
