package cloakroom

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
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
	at, err := s.read(document.NameFlashes)
	if err != nil {
		return // the session has failed
	}
	waiting, err := at.Items()
	if err != nil {
		s.report(&DecodeError{Name: document.NameFlashes, Err: err}) // what is stored stays
		return
	}
	if len(waiting) >= maxFlashes {
		if n := s.m.flashes.count(time.Minute); n > 0 {
			const message = "too many flash messages wait, so the oldest are dropped"
			s.m.engine.Log(s.ctx(), slog.LevelWarn, message, s.loadedID(), nil,
				slog.Int64("messages", n))
		}
	}
	category, message = kept(s, category), kept(s, message)
	s.write(changeFlashes(func(d *document.Draft) error {
		item, err := document.Encode(d.Format(), document.NameFlashes, []string{category, message})
		if err != nil {
			return err
		}
		items := d.List(document.NameFlashes)
		if len(items) >= maxFlashes {
			items = items[1:] // one for one: another library may have left more
		}
		d.SetList(document.NameFlashes, append(items, item))
		return nil
	}))
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
	at, err := s.read(document.NameFlashes)
	if err != nil || !at.Present() {
		return nil
	}
	items, err := at.Items()
	if err != nil {
		s.report(&DecodeError{Name: document.NameFlashes, Err: err})
		return nil
	}
	var (
		found []Flash[T]
		taken [][]byte
	)
	for _, item := range items {
		f, err := flashIn[T](item)
		if err == nil && (len(categories) == 0 || slices.Contains(categories, f.Category)) {
			found, taken = append(found, f), append(taken, item.Bytes())
		}
	}
	if len(taken) > 0 {
		s.write(removeFlashes(taken))
	}
	return found
}

// removeFlashes removes each of these messages once, as far as they are still there.
func removeFlashes(taken [][]byte) document.Operation {
	return changeFlashes(func(d *document.Draft) error {
		times := make(map[string]int, len(taken)) // another library may have left any number
		for _, item := range taken {
			times[string(item)]++
		}
		waiting := d.List(document.NameFlashes)
		d.SetList(document.NameFlashes, slices.DeleteFunc(waiting, func(item []byte) bool {
			if times[string(item)] == 0 {
				return false
			}
			times[string(item)]--
			return true
		}))
		return nil
	})
}

func changeFlashes(change func(*document.Draft) error) document.Operation {
	return document.Operation{Kind: document.Change, Name: document.NameFlashes, Change: change}
}

var errNoFlash = errors.New("no list of a category and a message")

// flashIn decodes a message as Flask keeps it: a list of category and message.
func flashIn[T any](item document.Value) (flash Flash[T], err error) {
	parts, err := item.Items()
	if err != nil || len(parts) != 2 {
		return flash, errNoFlash
	}
	if !parts[0].Null() {
		flash.Category, err = document.Decode[string](parts[0], document.NameFlashes)
		if err != nil {
			return flash, err
		}
	}
	flash.Message, err = document.Decode[T](parts[1], document.NameFlashes)
	return flash, err
}
