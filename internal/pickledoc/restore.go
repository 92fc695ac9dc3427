package pickledoc

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// limits are those of the documents that are read.
var limits = msgpack.Limits{Depth: msgspec.MaxDepth}

// restorer reads a document, and takes what did not change from the one before.
type restorer struct {
	before []byte
	exts   map[string]pickle.Value
}

// encoded returns the part's value as it stood in the document before.
func (r *restorer) encoded(p *part) []byte { return r.before[p.keyEnd:p.end] }

func (r *restorer) key(p *part) []byte { return r.before[p.begin:p.keyEnd] }

// value returns the value that b is the encoding of. Old is what was in its place, or nil.
func (r *restorer) value(b []byte, old *part) (pickle.Value, error) {
	if old != nil && bytes.Equal(b, r.encoded(old)) {
		return old.value, nil
	}
	switch c := b[0]; {
	case c&0xf0 == 0x80 || c == 0xde || c == 0xdf:
		d, err := r.dict(b, old)
		if err != nil {
			return nil, err
		}
		return ofClass(d, old), nil
	case c&0xf0 == 0x90 || c == 0xdc || c == 0xdd:
		return r.list(b, old)
	}
	return r.scalar(b, msgspec.ReadMessagePack)
}

// scalar returns the value of an encoding that is no array and no map, which read reads.
func (r *restorer) scalar(b []byte, read func([]byte) (pickle.Value, error)) (pickle.Value, error) {
	if typ, pickled, _, err := msgpack.ReadExt(b); err == nil && typ == ExtType {
		if v, ok := r.exts[string(pickled)]; ok {
			return v, nil
		}
		return pickle.Decode(pickled)
	}
	return read(b)
}

// ofClass makes a dict one of the class that it was of before, if that class says nothing but how a dict
// behaves.
func ofClass(d *pickle.Dict, old *part) pickle.Value {
	if old == nil {
		return d
	}
	o, ok := old.value.(*pickle.Object)
	if !ok || o.Made != pickle.ByReduce {
		return d
	}
	ordered := o.Func == pickle.Value(pickle.Global{Module: "collections", Name: "OrderedDict"}) && len(o.Args) == 0
	if !ordered && o.Func != pickle.Value(pickle.Global{Module: "collections", Name: "defaultdict"}) {
		return d
	}
	like := &pickle.Object{Made: o.Made, Func: o.Func, Args: o.Args}
	if len(d.Keys) == 0 {
		return like
	}
	step := pickle.Step{Kind: pickle.SetItems}
	for i := range d.Keys {
		step.Items = append(step.Items, d.Keys[i], d.Values[i])
	}
	like.Steps = []pickle.Step{step}
	return like
}

// next splits what stands first off b, which was found well-formed.
func next(b []byte) (first, rest []byte, err error) {
	n, err := msgpack.Next(b, limits)
	if err != nil {
		return nil, nil, err
	}
	return b[:n:n], b[n:], nil
}

func (r *restorer) dict(b []byte, old *part) (*pickle.Dict, error) {
	n, rest, err := msgpack.ReadMapHeader(b)
	if err != nil {
		return nil, err
	}
	olds := map[string]*part{}
	if old != nil {
		for i := range old.kids {
			if kid := &old.kids[i]; kid.keyEnd > kid.begin {
				olds[string(r.key(kid))] = kid
			}
		}
	}
	d := &pickle.Dict{}
	for range n {
		var name, value []byte
		if name, rest, err = next(rest); err != nil {
			return nil, err
		}
		if value, rest, err = next(rest); err != nil {
			return nil, err
		}
		was := olds[string(name)]
		key, err := r.keyOf(name, was)
		if err != nil {
			return nil, err
		}
		v, err := r.value(value, was)
		if err != nil {
			return nil, err
		}
		if err := d.Set(key, v); err != nil {
			return nil, err
		}
	}
	if len(d.Keys) != n {
		return nil, ErrDocument
	}
	return d, nil
}

func (r *restorer) keyOf(name []byte, was *part) (pickle.Value, error) {
	if was != nil {
		return was.key, nil
	}
	return r.scalar(name, msgspec.ReadMessagePackKey)
}

// list returns a list whose items are, where they are equal, those of before, wherever they stood; else,
// what was in the same place may have parts that did not change.
func (r *restorer) list(b []byte, old *part) (pickle.Value, error) {
	n, rest, err := msgpack.ReadArrayHeader(b)
	if err != nil {
		return nil, err
	}
	items := make([][]byte, n) // as many are there
	for i := range items {
		if items[i], rest, err = next(rest); err != nil {
			return nil, err
		}
	}
	l := &pickle.List{Items: make([]pickle.Value, n)}
	olds := r.match(items, old)
	for i := range items {
		if l.Items[i], err = r.value(items[i], olds[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// match finds for each item the part that it was before, or nil.
func (r *restorer) match(items [][]byte, old *part) []*part {
	olds := make([]*part, len(items))
	if old == nil || len(old.kids) == 0 || old.kids[0].keyEnd > old.kids[0].begin {
		return olds
	}
	free := map[string][]*part{}
	used := make([]bool, len(old.kids))
	for i := range old.kids {
		kid := &old.kids[i]
		if i < len(items) && bytes.Equal(items[i], r.encoded(kid)) {
			olds[i], used[i] = kid, true
			continue
		}
		key := string(r.encoded(kid))
		free[key] = append(free[key], kid)
	}
	taken := map[*part]bool{}
	for i := range items {
		if same := free[string(items[i])]; olds[i] == nil && len(same) > 0 {
			olds[i], free[string(items[i])] = same[0], same[1:]
			taken[same[0]] = true
		}
	}
	for i := range min(len(items), len(old.kids)) {
		if kid := &old.kids[i]; olds[i] == nil && !used[i] && !taken[kid] {
			olds[i] = kid
		}
	}
	return olds
}

// dictOfJSON is [Dict] for JSON, which has no extensions: a value that is as before is taken from there.
func dictOfJSON(document []byte, before *pickle.Dict) (*pickle.Dict, error) {
	v, err := msgspec.ReadJSON(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, ErrDocument
	}
	for i, key := range d.Keys {
		name, _ := key.(string) // JSON has no others
		old, ok := before.Get(name)
		if !ok {
			continue
		}
		oldJSON, err := msgspec.AppendJSON(nil, old)
		if errors.Is(err, pickle.ErrTooLarge) {
			return nil, err
		}
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
