package msgspec

import (
	"fmt"
	"math/big"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

const messagePack = "MessagePack"

// MaxDepth is how deep arrays and maps may be nested.
const MaxDepth = 1000 // Python's own limit

// AppendMessagePack appends v as MessagePack.
func AppendMessagePack(dst []byte, v pickle.Value) ([]byte, error) {
	w := packer{begin: len(dst), out: dst}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return w.out, nil
}

type packer struct {
	begin  int
	out    []byte
	budget pickle.Budget
}

// spend bounds what is written, since a few bytes of a pickle can stand for very much.
func spend(b *pickle.Budget, depth, length int) error {
	switch {
	case length > pickle.MaxBytes:
		return fmt.Errorf("%w: more than %d bytes", pickle.ErrTooLarge, pickle.MaxBytes)
	case depth > MaxDepth:
		return fmt.Errorf("%w: more than %d levels", pickle.ErrTooLarge, MaxDepth)
	}
	return b.Spend()
}

func (w *packer) value(v pickle.Value, depth int) error {
	if err := spend(&w.budget, depth, len(w.out)-w.begin); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		w.out = msgpack.AppendNil(w.out)
	case bool:
		w.out = msgpack.AppendBool(w.out, v)
	case int64:
		w.out = msgpack.AppendInt(w.out, v)
	case *big.Int:
		if !v.IsUint64() {
			return cannotHold(messagePack, "an int beyond 64 bits")
		}
		w.out = msgpack.AppendUint(w.out, v.Uint64())
	case float64:
		w.out = msgpack.AppendFloat64(w.out, v)
	case string:
		w.out = msgpack.AppendString(w.out, v)
		return checkText(messagePack, v)
	case pickle.Bytes:
		w.out = msgpack.AppendBytes(w.out, v)
	case pickle.ByteArray:
		w.out = msgpack.AppendBytes(w.out, v)
	case pickle.DateTime:
		return w.datetime(v)
	default:
		return w.compound(v, depth)
	}
	return nil
}

// datetime appends an aware datetime as a timestamp, and a naive one as text.
func (w *packer) datetime(v pickle.DateTime) error {
	clock, ahead := v.Clock()
	if v.Zone == nil {
		text, _ := textOf(v)
		w.out = msgpack.AppendString(w.out, string(text))
		return nil
	}
	t := clock.Add(-ahead)
	if t.Year() < 1 || t.Year() > 9999 {
		return cannotHold(messagePack, "a datetime that is outside of the years 1 to 9999 in UTC")
	}
	w.out = msgpack.AppendTime(w.out, t)
	return nil
}

func (w *packer) compound(v pickle.Value, depth int) error {
	switch v := v.(type) {
	case pickle.Tuple:
		return w.array(v, depth)
	case *pickle.List:
		return w.array(v.Items, depth)
	case *pickle.Set:
		return w.array(v.Items, depth)
	case *pickle.Dict:
		return w.dict(v, depth)
	case *pickle.Object:
		plain, ok := Plain(v)
		if !ok {
			return pickle.Refusal(v)
		}
		return w.value(plain, depth+1)
	case pickle.Global:
		return pickle.Refusal(v)
	}
	text, ok := textOf(v)
	if !ok {
		return cannotHold(messagePack, fmt.Sprintf("a %T", v))
	}
	w.out = msgpack.AppendString(w.out, string(text))
	return nil
}

func (w *packer) array(items []pickle.Value, depth int) error {
	w.out = msgpack.AppendArrayHeader(w.out, len(items))
	for _, item := range items {
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *packer) dict(d *pickle.Dict, depth int) error {
	w.out = msgpack.AppendMapHeader(w.out, len(d.Keys))
	unique := uniqueKeys(d)
	for i := range d.Keys {
		begin := len(w.out)
		if err := w.value(d.Keys[i], depth+1); err != nil {
			return err
		}
		if unique.has(w.out[begin:]) {
			return cannotHold(messagePack, "a dict whose keys become equal")
		}
		if err := w.value(d.Values[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// keySet finds keys that are encoded alike. It is nil if all keys are strs, which never
// are.
type keySet map[string]struct{}

func uniqueKeys(d *pickle.Dict) keySet {
	for _, key := range d.Keys {
		if _, ok := key.(string); !ok {
			return keySet{}
		}
	}
	return nil
}

func (s keySet) has(encoded []byte) bool {
	if s == nil {
		return false
	}
	if _, ok := s[string(encoded)]; ok {
		return true
	}
	s[string(encoded)] = struct{}{}
	return false
}
