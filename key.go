package cloakroom

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/internal/document"
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
	read(name string) (document.Value, error)
	write(op document.Operation)
	fail(err error)   // the response must not be sent
	report(err error) // log it
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
	if err := document.CheckName(string(k)); err != nil {
		return zero, false, err
	}
	at, err := s.read(string(k))
	if err != nil || !at.Present() {
		return zero, false, err
	}
	v, err := document.Decode[T](at, string(k))
	return v, err == nil, err
}

// Set sets the value. When v cannot be encoded, or could not be read back as it holds
// an interface with methods, the session fails: [Session.Err] tells, and the response
// will not be sent. A string is kept, not copied, until the commit: clone it first if its
// bytes are used again, as fasthttp's are, unless [Visit] says so.
func (k Key[T]) Set(s Values, v T) {
	op, err := k.setting(s, v)
	if err != nil {
		s.fail(err)
		return
	}
	s.write(op)
}

func (k Key[T]) setting(s Values, v T) (document.Operation, error) {
	name := string(k)
	if err := document.CheckName(name); err != nil {
		return document.Operation{}, err
	}
	if text, ok := any(&v).(*string); ok {
		return document.SetText(name, *text), nil
	}
	before, err := s.read(name)
	if err != nil {
		return document.Operation{}, err
	}
	return document.SetValue(before.Format(), name, v)
}

// Delete removes the value. Removing an absent one costs nothing.
func (k Key[T]) Delete(s Values) {
	if err := document.CheckName(string(k)); err != nil {
		s.fail(err)
		return
	}
	s.write(document.Operation{Kind: document.Delete, Name: string(k)})
}

// Update changes the value to what fn makes of it, or of the zero value when it is
// absent. It is an exact read-modify-write, performed at the commit: fn is called now,
// and again at the commit if another request has committed first. It must depend on its
// argument alone, have no side effects, and not use the session. A stored value that cannot be decoded into T fails the session, and stays as
// it is.
func (k Key[T]) Update(s Values, fn func(T) T) {
	if err := document.CheckName(string(k)); err != nil {
		s.fail(err)
		return
	}
	s.write(Key[T](kept(s, string(k))).updating(fn, nil))
}

// UpdateNow changes the value as [Key.Update] does, but commits it now, with everything
// that is pending, in order, and returns what was committed. When it fails, its own
// change is not part of any later commit. [ErrEnded] means that the session was ended
// meanwhile.
func (k Key[T]) UpdateNow(s *Session, fn func(T) T) (T, error) {
	var zero, committed T
	if err := document.CheckName(string(k)); err != nil {
		return zero, err
	}
	op := k.updating(fn, &committed)
	if err := s.commit(&op); err != nil {
		return zero, err
	}
	return committed, nil
}

// updating is the operation of calling fn, which leaves what fn returned last in result.
func (k Key[T]) updating(fn func(T) T, result *T) document.Operation {
	name := string(k)
	change := func(d *document.Draft) error {
		var before T
		if at := d.At(name); at.Present() {
			var err error
			if before, err = document.Decode[T](at, name); err != nil {
				return err
			}
		}
		after := fn(before)
		value, err := document.Encode(d.Format(), name, after)
		if err != nil {
			return err
		}
		if result != nil {
			*result = after
		}
		d.Set(name, value)
		return nil
	}
	return document.Operation{Kind: document.Change, Name: name, Change: change}
}

// Format is how documents are encoded. A record of either format is recognised when it
// is loaded, and keeps its format for as long as it lives, so the format can be changed
// at any time.
type Format = document.Format

const (
	// MessagePack is the default. Integers, times, bytes and strings that are not UTF-8
	// stay exact. Structs are maps from the name in the tag `msgpack`, or else `json`;
	// times are the timestamp extension; types that marshal themselves to text do so,
	// such as UUIDs, or else to binary; a url.URL is text, and a big.Int is a number of
	// at most 64 bits or text. A number that does not fit the type that it is decoded
	// into is an error. Text that Python writes is read into a time.Time, in UTC if it
	// has no zone, and into a time.Duration.
	MessagePack = document.MessagePack

	// JSON is for people who read their store by hand. Values are what [encoding/json]
	// makes of them: bytes become base64, and within structs, strings that are not
	// UTF-8 lose what is not. But a number in an any is a float64 if it is spelled with
	// a point or an exponent, as floats in an any are, and else an int64, a uint64
	// above that, or a *big.Int of at most 4,300 digits.
	JSON = document.JSON
)

// A DecodeError says that a stored value, or a whole record, could not be read as what
// was asked for. Its field Name is the name of the value, empty for a whole record, and
// Err says what is wrong. It holds no stored data.
type DecodeError = document.DecodeError
