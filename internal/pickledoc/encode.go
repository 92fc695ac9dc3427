package pickledoc

import (
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// part is a value and its place in a document.
type part struct {
	value      pickle.Value
	key        pickle.Value // in a map
	keyEnd     int          // end of the encoded key, where the value begins
	begin, end int          // including the key
	kids       []part
}

// encoder writes a document.
type encoder struct {
	out    []byte
	limit  int
	wasted int                     // bytes written in vain, and steps
	strict bool                    // within a key, no part of which becomes an extension
	open   map[any]struct{}        // containers around the value
	parts  bool                    // parts are wanted
	exts   map[string]pickle.Value // the values of extensions; nil if not wanted
}

// errHold: MessagePack cannot hold the value.
var errHold = errors.New("cannot be held")

func (e *encoder) document(d *pickle.Dict) (part, error) {
	e.open = map[any]struct{}{d: {}}
	kids, err := e.dict(d, 1)
	if err != nil {
		return part{}, err
	}
	return part{value: d, end: len(e.out), kids: kids}, nil
}

func (e *encoder) spend() error {
	e.wasted++
	if len(e.out)+e.wasted > e.limit {
		return fmt.Errorf("%w: the document would be far longer than its pickle",
			pickle.ErrTooLarge)
	}
	return nil
}

// value writes a value, or an extension in its place. If parts are wanted, it appends to
// kids.
func (e *encoder) value(v pickle.Value, depth int, kids []part) ([]part, error) {
	begin := len(e.out)
	of, err := e.contents(v, depth)
	if isHeld(err) && !e.strict {
		e.undo(begin)
		of = nil
		err = e.ext(v)
	}
	if err != nil {
		return nil, err
	}
	if e.parts {
		kids = append(kids, part{value: v, keyEnd: begin, begin: begin, end: len(e.out), kids: of})
	}
	return kids, nil
}

// isHeld reports whether an error means that MessagePack cannot hold the value.
func isHeld(err error) bool {
	return errors.Is(err, errHold) || errors.Is(err, msgspec.ErrHold) ||
		errors.Is(err, pickle.ErrObject)
}

func (e *encoder) undo(begin int) {
	e.wasted += len(e.out) - begin
	e.out = e.out[:begin]
}

func (e *encoder) ext(v pickle.Value) error {
	pickled, err := pickle.Append(nil, v)
	if err != nil {
		return err
	}
	e.out = msgpack.AppendExt(e.out, ExtType, pickled)
	if e.exts != nil {
		e.exts[string(pickled)] = v
	}
	return e.spend()
}

// idOf returns the identity of a container, or nil for other values.
func idOf(v pickle.Value) any {
	switch v := v.(type) {
	case pickle.Tuple:
		if len(v) > 0 {
			return &v[0]
		}
		return nil
	case *pickle.List, *pickle.Dict, *pickle.Set, *pickle.Object:
		return v
	}
	return nil
}

// contents writes a value and returns its parts.
func (e *encoder) contents(v pickle.Value, depth int) (kids []part, err error) {
	if err := e.spend(); err != nil {
		return nil, err
	}
	if id := idOf(v); id != nil {
		if _, ok := e.open[id]; ok {
			return nil, errHold // the value is within itself
		}
		e.open[id] = struct{}{}
		defer delete(e.open, id)
	}
	switch v := v.(type) {
	case pickle.Tuple:
		return e.array(v, depth)
	case *pickle.List:
		return e.array(v.Items, depth)
	case *pickle.Set:
		return e.array(v.Items, depth)
	case *pickle.Dict:
		return e.dict(v, depth)
	case *pickle.Object:
		plain, ok := msgspec.Plain(v)
		if !ok {
			return nil, errHold
		}
		return e.contents(plain, depth)
	case string:
		if len(e.out)+e.wasted+len(v) > e.limit {
			e.wasted += len(v)
			return nil, e.spend()
		}
	}
	begin := len(e.out)
	out, err := msgspec.AppendMessagePack(e.out, v)
	if err != nil {
		e.out = e.out[:begin]
		return nil, err
	}
	e.out = out
	return nil, e.spend()
}

func (e *encoder) array(items []pickle.Value, depth int) (kids []part, err error) {
	if depth > MaxDepth {
		return nil, errHold
	}
	e.out = msgpack.AppendArrayHeader(e.out, len(items))
	for _, item := range items {
		if kids, err = e.value(item, depth+1, kids); err != nil {
			return nil, err
		}
	}
	return kids, nil
}

func (e *encoder) dict(d *pickle.Dict, depth int) (kids []part, err error) {
	if depth > MaxDepth || e.strict {
		return nil, errHold
	}
	e.out = msgpack.AppendMapHeader(e.out, len(d.Keys))
	unique := uniqueKeys(d)
	for i, key := range d.Keys {
		begin := len(e.out)
		if err := e.key(key, depth, unique); err != nil {
			return nil, err
		}
		end := len(e.out)
		if kids, err = e.value(d.Values[i], depth+1, kids); err != nil {
			return nil, err
		}
		if e.parts {
			kid := &kids[len(kids)-1]
			kid.key, kid.begin, kid.keyEnd = key, begin, end
		}
	}
	return kids, nil
}

// key writes a key: as an extension if MessagePack cannot hold it, or would make it equal
// to another.
func (e *encoder) key(key pickle.Value, depth int, unique map[string]bool) error {
	begin := len(e.out)
	if name, ok := key.(string); ok && unique == nil {
		if _, err := e.contents(name, depth+1); !errors.Is(err, msgspec.ErrHold) {
			return err
		}
		return e.ext(key)
	}
	strict := e.strict
	e.strict = true
	_, err := e.contents(key, depth+1)
	e.strict = strict
	switch {
	case err == nil && !unique[string(e.out[begin:])]:
	case err == nil, isHeld(err):
		e.undo(begin)
		if err := e.ext(key); err != nil {
			return err
		}
		if unique[string(e.out[begin:])] {
			return errHold // such as two keys that are both nan
		}
	default:
		return err
	}
	unique[string(e.out[begin:])] = true
	return nil
}

// uniqueKeys returns a set for the keys, or nil if all are strs, which are never equal.
func uniqueKeys(d *pickle.Dict) map[string]bool {
	for _, key := range d.Keys {
		if _, ok := key.(string); !ok {
			return map[string]bool{}
		}
	}
	return nil
}
