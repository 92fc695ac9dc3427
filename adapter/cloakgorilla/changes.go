package cloakgorilla

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom"
)

// snapshot is what a gorilla session was loaded with or saved with last.
type snapshot struct {
	values     map[string]any  // as stored, by the key in gorilla's session
	unreadable map[string]bool // likewise, and could not be decoded
	unsaved    bool            // nothing is stored of it
	age        int             // Options.MaxAge
}

func newSnapshot(unsaved bool, age int) *snapshot {
	return &snapshot{
		values: map[string]any{}, unreadable: map[string]bool{}, unsaved: unsaved, age: age,
	}
}

// changed returns what is to be stored for the values that differ from the snapshot.
func (seen *snapshot) changed(values map[any]any) (map[string]any, error) {
	changed := map[string]any{}
	for key, value := range values {
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("a key is of type %T: it must be a string", key)
		}
		before, stored := seen.values[name]
		if stored && holds(before, value) { // what a Key has set, gob may not know
			continue
		}
		after, err := pack(value)
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", name, err)
		}
		if !stored || !same(before, after) {
			changed[name] = after
		}
	}
	return changed, nil
}

// store takes down what was removed from s and what was changed, and reports whether anything
// was removed. The snapshot then is what s has now.
func (seen *snapshot) store(
	own *cloakroom.Session, s *sessions.Session, changed map[string]any,
) (removed bool) {
	for key, before := range seen.values {
		if _, ok := s.Values[key]; !ok {
			remove(own, valueName(s.Name(), key), before)
			delete(seen.values, key)
			removed = true
		}
	}
	for key, after := range changed {
		name := valueName(s.Name(), key)
		if seen.unreadable[key] {
			cloakroom.Key[any](name).Set(own, after)
			delete(seen.unreadable, key)
		} else {
			change(own, name, seen.values[key], after)
		}
		seen.values[key] = after
	}
	return removed
}

func remove(own *cloakroom.Session, name string, before any) {
	if list, ok := before.([]any); ok {
		changeList(own, name, list, nil)
		return
	}
	cloakroom.Key[any](name).Delete(own)
}

func change(own *cloakroom.Session, name string, before, after any) {
	from, wasList := before.([]any)
	to, isList := after.([]any)
	if !isList || !wasList && before != nil {
		cloakroom.Key[any](name).Set(own, after)
		return
	}
	kept := 0
	for kept < min(len(from), len(to)) && same(from[kept], to[kept]) {
		kept++
	}
	changeList(own, name, from[kept:], to[kept:])
}

// changeList removes items from the list that is stored at the commit, and appends others.
// Another request may have appended some meanwhile, or taken the same ones. Where it has
// not, the list ends with the removed ones, so equal ones before them stay.
func changeList(own *cloakroom.Session, name string, removed, added []any) {
	cloakroom.Key[any](name).Update(own, func(stored any) any {
		before, _ := stored.([]any)
		list := append([]any{}, before...)
		for _, item := range slices.Backward(removed) {
			for i, candidate := range slices.Backward(list) {
				if reflect.DeepEqual(plain(candidate), plain(item)) {
					list = slices.Delete(list, i, i+1)
					break
				}
			}
		}
		return append(list, added...)
	})
}

// plain returns an integer as pack leaves it, where it comes from the store.
func plain(stored any) any {
	if value, ok := stored.(int64); ok && int64(int(value)) == value {
		return int(value)
	}
	return stored
}

// holds reports whether what is stored is this value.
func holds(stored, value any) bool {
	was, err := unpack(stored)
	return err == nil && reflect.DeepEqual(was, value)
}

// same reports whether what is stored is what would be stored now. Gob encodes a map in any
// order, and leaves out what is not exported, so equal values may look different.
func same(before, after any) bool {
	if reflect.DeepEqual(plain(before), after) {
		return true
	}
	value, err := unpack(after)
	return err == nil && holds(before, value)
}
