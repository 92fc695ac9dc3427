package cloakroom

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// Key is the name of a value of type T in a session. It is a string type, so keys are typed
// constants:
//
//	const visits = cloakroom.Key[int]("visits")
//
// A name has 1 to 255 bytes of UTF-8. The names "_permanent" and "_flashes", and those
// that begin with "_cloakroom", are reserved: using one is [ErrInvalidKey].
//
// A session holds values encoded: what Get returns is decoded for its caller, and
// changing it changes nothing until it is set again.
type Key[T any] string

// Values is what a [Key] reads and writes: a *[Session], or within [Session.Transact] a *[Tx].
type Values interface {
	read(name string) (stored, error)
	write(op operation)
	fail(err error)   // the response must not be sent
	report(err error) // somebody should know
}

// stored is a value as it stands in a session.
type stored struct {
	value  []byte // encoded; nil when absent
	format Format
	share  bool // a string may be these bytes: what they are a part of, and keep, is not much more
}

// Get returns the value, or the zero value of T when it is absent. A stored value that
// cannot be decoded into T reads as absent, and is logged. When the session could not
// be loaded, Get returns the zero value too; [Session.Err] tells, and the response will
// not be sent.
func (k Key[T]) Get(s Values) T {
	v, _, err := k.Lookup(s)
	if err != nil {
		failRead(s, err)
	}
	return v
}

func failRead(s Values, err error) {
	if unreadable := (*DecodeError)(nil); errors.As(err, &unreadable) {
		s.report(err)
	} else {
		s.fail(err)
	}
}

// Lookup returns the value and whether it is present. It fails when the session could not be
// loaded, and with a *[DecodeError] when the stored value cannot be decoded into T; the value
// then stays stored as it is unless it is overwritten.
func (k Key[T]) Lookup(s Values) (T, bool, error) {
	var zero T
	if err := checkName(string(k)); err != nil {
		return zero, false, err
	}
	at, err := s.read(string(k))
	if err != nil || at.value == nil {
		return zero, false, err
	}
	v, err := decodeAs[T](at, string(k))
	return v, err == nil, err
}

// Set sets the value. When v cannot be encoded, or could not be read back as it holds
// an interface with methods, the session fails: [Session.Err] tells, and the response
// will not be sent. A string is not copied before it is committed, so it must be a true
// one: where a framework lends strings whose bytes it uses again, as fasthttp does,
// clone those first.
func (k Key[T]) Set(s Values, v T) {
	op := operation{kind: opSet, name: string(k), typ: reflect.TypeFor[T]()}
	var err error
	if text, ok := any(&v).(*string); ok {
		op.value, op.format, op.bare = bytesOf(*text), MessagePack, true
		err = checkName(op.name)
	} else {
		var before stored
		if before, err = s.read(op.name); err == nil {
			op.format = before.format
			op.value, err = encodeAs(op.format, op.name, v)
		}
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.write(op)
}

// Delete removes the value. Removing an absent one costs nothing.
func (k Key[T]) Delete(s Values) {
	if err := checkName(string(k)); err != nil {
		s.fail(err)
		return
	}
	s.write(operation{kind: opDelete, name: string(k)})
}

// Update changes the value to what fn makes of it, or of the zero value when it is
// absent. It is an exact read-modify-write, performed at the commit: fn is called now,
// and again on the newer value when another request committed one meanwhile, so it must
// depend on its argument alone and have no effect besides, and must not use the
// session. A stored value that cannot be decoded into T fails the session, and stays as
// it is.
func (k Key[T]) Update(s Values, fn func(T) T) {
	if err := checkName(string(k)); err != nil {
		s.fail(err)
		return
	}
	s.write(k.updating(fn, nil))
}

// UpdateNow changes the value as [Key.Update] does, but commits it now, with everything
// that is pending, in order, and returns what was committed. When it fails, its own
// change is not part of any later commit. [ErrEnded] means that the session was ended
// meanwhile.
func (k Key[T]) UpdateNow(s *Session, fn func(T) T) (T, error) {
	var zero, committed T
	if err := checkName(string(k)); err != nil {
		return zero, err
	}
	op := k.updating(fn, &committed)
	if err := s.commit(&op); err != nil {
		return zero, err
	}
	return committed, nil
}

// updating is the operation of calling fn, which leaves what fn returned last in result.
func (k Key[T]) updating(fn func(T) T, result *T) operation {
	return operation{kind: opChange, name: string(k), change: func(d *draft) error {
		var before T
		if at := d.at(string(k)); at.value != nil {
			var err error
			if before, err = decodeAs[T](at, string(k)); err != nil {
				return err
			}
		}
		after := fn(before)
		value, err := encodeAs(d.format, string(k), after)
		if err != nil {
			return err
		}
		if result != nil {
			*result = after
		}
		d.set(string(k), value)
		return nil
	}}
}

func encodeAs[T any](f Format, name string, v T) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if f == MessagePack {
		switch v := any(&v).(type) { // a pointer is not copied to the heap, an interface value is
		case *string:
			return encodeText(*v), nil
		case *int:
			return msgpack.AppendInt(make([]byte, 0, 9), int64(*v)), nil
		case *int64:
			return msgpack.AppendInt(make([]byte, 0, 9), *v), nil
		case *bool:
			return msgpack.AppendBool(make([]byte, 0, 1), *v), nil
		case *[]byte:
			if *v != nil {
				return msgpack.AppendBytes(make([]byte, 0, len(*v)+5), *v), nil
			}
		}
	}
	return encodeAny(f, name, v)
}

// encodeAny is apart because here v is copied to the heap.
func encodeAny[T any](f Format, name string, v T) ([]byte, error) {
	if err := checkReadable(reflect.TypeFor[T]()); err != nil {
		return nil, fmt.Errorf("cloakroom: value %q cannot be set: %w", name, err)
	}
	encoded := any(v)
	if f == JSON {
		encoded = &v // encoding/json finds a pointer's MarshalJSON only where there is a pointer
	}
	value, err := f.encode(encoded)
	if err != nil {
		return nil, fmt.Errorf("cloakroom: value %q cannot be encoded: %w", name, err)
	}
	return value, nil
}

func decodeAs[T any](at stored, name string) (T, error) {
	if at.format == MessagePack {
		var v T
		if decodeScalar(&at, &v) {
			return v, nil
		}
	}
	v := new(T)
	if err := at.format.decode(at.value, v); err != nil {
		var zero T
		return zero, &DecodeError{name, err}
	}
	return *v, nil
}

// decodeScalar decodes the commonest types without a pointer that escapes. It reports
// false where anything is amiss, for the full decoder to find out.
func decodeScalar[T any](at *stored, v *T) bool {
	var (
		value = at.value
		rest  []byte
		err   error
	)
	switch v := any(v).(type) {
	case *string:
		var s []byte
		s, rest, err = msgpack.ReadString(value)
		if at.share {
			*v = textOf(s)
		} else {
			*v = string(s)
		}
	case *int:
		var i int64
		i, rest, err = msgpack.ReadInt(value)
		*v = int(i)
		if int64(*v) != i {
			return false
		}
	case *int64:
		*v, rest, err = msgpack.ReadInt(value)
	case *bool:
		*v, rest, err = msgpack.ReadBool(value)
	default:
		return false
	}
	return err == nil && len(rest) == 0
}
