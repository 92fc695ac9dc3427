package cloakroom

import (
	"errors"
	"log/slog"
	"slices"
	"time"
)

// Flash is a message to be shown once, usually by the next page. Flask's flash takes
// messages of any type; those of [Session.Flash] are strings.
type Flash[T any] struct {
	Category string // such as "error"; Flask's default is "message". Empty for None.
	Message  T
}

// maxFlashes is how many messages may wait, so that what one request costs has a bound.
const maxFlashes = 100

// Flash adds a message for [Session.Flashes] to return, in this request or a later one.
// At most 100 wait: where there are as many, the oldest is dropped, which is logged at
// most once a minute.
func (s *Session) Flash(category, message string) {
	at, err := s.read(nameFlashes)
	if err != nil {
		return // the session has failed
	}
	waiting, err := at.format.splitList(at.value)
	if err != nil {
		s.report(&DecodeError{nameFlashes, err}) // what is stored stays
		return
	}
	if len(waiting) >= maxFlashes {
		if n := s.m.flashes.count(time.Minute); n > 0 {
			const message = "too many flash messages wait, so the oldest are dropped"
			s.m.log(s.ctx(), slog.LevelWarn, message, s.loadedID(), nil, slog.Int64("messages", n))
		}
	}
	s.write(operation{kind: opChange, name: nameFlashes, change: func(d *draft) error {
		item, err := d.format.encode([]string{category, message})
		if err != nil {
			return err
		}
		items := d.flashes()
		if len(items) >= maxFlashes {
			items = items[1:] // one for one: another library may have left more
		}
		d.setFlashes(append(items, item))
		return nil
	}})
}

// Flashes returns the messages of the given categories, or all messages, and removes
// exactly what it returned: a message that another request adds meanwhile stays, and so
// does what another library stored and is no text; see [FlashesOf]. Without messages it
// changes nothing.
func (s *Session) Flashes(categories ...string) []Flash[string] {
	return FlashesOf[string](s, categories...)
}

// FlashesOf is [Session.Flashes] for messages that can be decoded into T: with a struct
// or a map, those of Flask's flash({...}), with any, all.
func FlashesOf[T any](s *Session, categories ...string) []Flash[T] {
	at, err := s.read(nameFlashes)
	if err != nil || at.value == nil {
		return nil
	}
	items, err := at.format.splitList(at.value)
	if err != nil {
		s.report(&DecodeError{nameFlashes, err})
		return nil
	}
	var (
		found []Flash[T]
		taken [][]byte
	)
	for _, item := range items {
		f, err := flashIn[T](at.format, item)
		if err == nil && (len(categories) == 0 || slices.Contains(categories, f.Category)) {
			found, taken = append(found, f), append(taken, item)
		}
	}
	if len(taken) > 0 {
		s.write(removeFlashes(taken))
	}
	return found
}

// removeFlashes removes each of these messages once, as far as they are still there.
func removeFlashes(taken [][]byte) operation {
	return operation{kind: opChange, name: nameFlashes, change: func(d *draft) error {
		times := make(map[string]int, len(taken)) // another library may have left any number
		for _, item := range taken {
			times[string(item)]++
		}
		d.setFlashes(slices.DeleteFunc(d.flashes(), func(item []byte) bool {
			if times[string(item)] == 0 {
				return false
			}
			times[string(item)]--
			return true
		}))
		return nil
	}}
}

var errNoFlash = errors.New("no list of a category and a message")

// flashIn decodes a message as Flask keeps it: a list of category and message.
func flashIn[T any](f Format, item []byte) (flash Flash[T], err error) {
	parts, err := f.splitList(item)
	if err != nil || len(parts) != 2 {
		return flash, errNoFlash
	}
	if !f.isNil(parts[0]) {
		if flash.Category, err = decodeAs[string](stored{value: parts[0], format: f}, nameFlashes); err != nil {
			return flash, err
		}
	}
	flash.Message, err = decodeAs[T](stored{value: parts[1], format: f}, nameFlashes)
	return flash, err
}

// flashes returns the stored messages, each encoded. What is no list reads as none.
func (d *draft) flashes() [][]byte {
	items, err := d.format.splitList(d.value(nameFlashes))
	if err != nil {
		return nil
	}
	return items
}

// setFlashes stores messages, unless what is stored is no list, and so none of ours.
func (d *draft) setFlashes(items [][]byte) {
	if _, err := d.format.splitList(d.value(nameFlashes)); err != nil {
		return
	}
	if len(items) == 0 {
		d.remove(nameFlashes)
		return
	}
	d.set(nameFlashes, d.format.joinList(items))
}
