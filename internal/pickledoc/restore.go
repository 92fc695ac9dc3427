package pickledoc

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// limits bound the documents that are read.
var limits = msgpack.Limits{Depth: msgspec.MaxDepth}

// restorer reads a document and takes what did not change from the former one.
type restorer struct {
	before []byte
	exts   map[string]pickle.Value
}

// encoded returns the encoding of the part's value in the former document.
func (r *restorer) encoded(p *part) []byte { return r.before[p.keyEnd:p.end] }

func (r *restorer) key(p *part) []byte { return r.before[p.begin:p.keyEnd] }

// value decodes b. old is the former value in its place, or nil. If both are the same but
// for the order of keys, which Go's maps lose, it returns the former value.
func (r *restorer) value(b []byte, old *part) (v pickle.Value, same bool, err error) {
	if old != nil && bytes.Equal(b, r.encoded(old)) {
		return old.value, true, nil
	}
	switch c := b[0]; {
	case c&0xf0 == 0x80 || c == 0xde || c == 0xdf:
		var d *pickle.Dict
		if d, same, err = r.dict(b, old); err == nil && !same {
			v = ofClass(d, old)
		}
	case c&0xf0 == 0x90 || c == 0xdc || c == 0xdd:
		v, same, err = r.list(b, old)
	default:
		v, err = r.scalar(b, msgspec.ReadMessagePack)
	}
	if same {
		v = old.value
	}
	return v, same, err
}

// scalar decodes, by read, a value that is no array and no map.
func (r *restorer) scalar(b []byte, read func([]byte) (pickle.Value, error)) (pickle.Value, error) {
	if typ, pickled, _, err := msgpack.ReadExt(b); err == nil && typ == ExtType {
		if v, ok := r.exts[string(pickled)]; ok {
			return v, nil
		}
		return pickle.Decode(pickled)
	}
	return read(b)
}

// ofClass gives a dict the class of the former one, if that class says only how a dict
// behaves.
func ofClass(d *pickle.Dict, old *part) pickle.Value {
	if old == nil {
		return d
	}
	o, ok := old.value.(*pickle.Object)
	if !ok || o.Made != pickle.ByReduce {
		return d
	}
	switch o.Class() {
	case pickle.Global{Module: "collections", Name: "OrderedDict"}:
		if len(o.Args) > 0 {
			return d
		}
	case pickle.Global{Module: "collections", Name: "defaultdict"}:
	default:
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

// next splits the first value off b, which is well-formed.
func next(b []byte) (first, rest []byte, err error) {
	n, err := msgpack.Next(b, limits)
	if err != nil {
		return nil, nil, err
	}
	return b[:n:n], b[n:], nil
}

// entry is a key and its value in a map.
type entry struct {
	key, value []byte
	was        *part // the former value of the key, or nil
}

func entries(b []byte) ([]entry, error) {
	n, rest, err := msgpack.ReadMapHeader(b)
	if err != nil {
		return nil, err
	}
	all := make([]entry, n) // b is well-formed, so it has as many
	for i := range all {
		if all[i].key, rest, err = next(rest); err != nil {
			return nil, err
		}
		if all[i].value, rest, err = next(rest); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// inOrder returns the entries in the former order, and then the new ones.
func (r *restorer) inOrder(all []entry, old *part) []entry {
	if !old.isMap() {
		return all
	}
	olds := make(map[string]int, len(old.kids))
	for i := range old.kids {
		olds[string(r.key(&old.kids[i]))] = i
	}
	kept, added := make([]*entry, len(old.kids)), []entry{}
	for i := range all {
		at, ok := olds[string(all[i].key)]
		if !ok || kept[at] != nil {
			added = append(added, all[i])
			continue
		}
		all[i].was = &old.kids[at]
		kept[at] = &all[i]
	}
	ordered := make([]entry, 0, len(all))
	for _, e := range kept {
		if e != nil {
			ordered = append(ordered, *e)
		}
	}
	return append(ordered, added...)
}

// isMap reports whether a part is a map that is not empty.
func (p *part) isMap() bool {
	return p != nil && len(p.kids) > 0 && p.kids[0].keyEnd > p.kids[0].begin
}

func (r *restorer) dict(b []byte, old *part) (d *pickle.Dict, same bool, err error) {
	all, err := entries(b)
	if err != nil {
		return nil, false, err
	}
	d, same = &pickle.Dict{}, old.isMap() && len(all) == len(old.kids)
	for _, e := range r.inOrder(all, old) {
		key, err := r.keyOf(e.key, e.was)
		if err != nil {
			return nil, false, err
		}
		v, asBefore, err := r.value(e.value, e.was)
		if err != nil {
			return nil, false, err
		}
		if err := d.Set(key, v); err != nil {
			return nil, false, err
		}
		same = same && asBefore
	}
	if len(d.Keys) != len(all) {
		return nil, false, ErrDocument
	}
	return d, same, nil
}

func (r *restorer) keyOf(name []byte, was *part) (pickle.Value, error) {
	if was != nil {
		return was.key, nil
	}
	return r.scalar(name, msgspec.ReadMessagePackKey)
}

// list decodes a list. An item that equals a former one, wherever it stood, is that one.
// Others are compared with the former item in the same place, whose parts may not have
// changed.
func (r *restorer) list(b []byte, old *part) (v pickle.Value, same bool, err error) {
	n, rest, err := msgpack.ReadArrayHeader(b)
	if err != nil {
		return nil, false, err
	}
	items := make([][]byte, n) // b is well-formed, so it has as many
	for i := range items {
		if items[i], rest, err = next(rest); err != nil {
			return nil, false, err
		}
	}
	l := &pickle.List{Items: make([]pickle.Value, n)}
	olds := r.match(items, old)
	same = n > 0 && old != nil && len(old.kids) == n
	for i := range items {
		var asBefore bool
		if l.Items[i], asBefore, err = r.value(items[i], olds[i]); err != nil {
			return nil, false, err
		}
		same = same && asBefore && olds[i] == &old.kids[i]
	}
	return l, same, nil
}

// match finds for each item the former part that it was, or nil.
func (r *restorer) match(items [][]byte, old *part) []*part {
	olds := make([]*part, len(items))
	if old == nil || old.isMap() {
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

// Value decodes a value in a document.
func Value(b []byte) (pickle.Value, error) {
	n, err := msgpack.Next(b, limits)
	if err != nil || n != len(b) {
		return nil, fmt.Errorf("%w: %w", ErrDocument, firstError(err, msgpack.ErrTrailing))
	}
	v, _, err := new(restorer).value(b, nil)
	return v, err
}

// dictOfJSON is [Dict] for JSON, which has no extensions. Values that did not change are
// taken from before.
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
		name, _ := key.(string) // in JSON every key is a string
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
