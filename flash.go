package cloakroom

import "slices"

// Flash is a message to be shown once, usually by the next page.
type Flash struct {
	Category string // such as "error"; Flask's default is "message"
	Message  string
}

// storedFlash is how Flask keeps a flash message: a list of category and text.
type storedFlash = [2]string

// Flash adds a message for [Session.Flashes] to return, in this request or a later one.
func (s *Session) Flash(category, message string) {
	s.write(operation{kind: opChange, name: nameFlashes, change: func(d *draft) error {
		return d.setFlashes(append(d.flashes(), storedFlash{category, message}))
	}})
}

// Flashes returns the messages of the given categories, or all messages, and removes exactly what it
// returned: a message that another request adds meanwhile stays. Without messages it changes nothing.
func (s *Session) Flashes(categories ...string) []Flash {
	at, err := s.read(nameFlashes)
	if err != nil || at.value == nil {
		return nil
	}
	d := draft{document: document{format: at.format, fields: []field{{name: []byte(nameFlashes), value: at.value}}}}
	var taken []storedFlash
	for _, f := range d.flashes() {
		if len(categories) == 0 || slices.Contains(categories, f[0]) {
			taken = append(taken, f)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	s.write(operation{kind: opChange, name: nameFlashes, change: func(d *draft) error {
		left := d.flashes()
		for _, f := range taken {
			if i := slices.Index(left, f); i >= 0 {
				left = slices.Delete(left, i, i+1)
			}
		}
		return d.setFlashes(left)
	}})
	flashes := make([]Flash, len(taken))
	for i, f := range taken {
		flashes[i] = Flash{Category: f[0], Message: f[1]}
	}
	return flashes
}

// flashes returns the stored messages. What is no list of messages reads as none.
func (d *draft) flashes() []storedFlash {
	at := d.at(nameFlashes)
	if at.value == nil {
		return nil
	}
	flashes, err := decodeAs[[]storedFlash](at, nameFlashes)
	if err != nil {
		return nil
	}
	return flashes
}

func (d *draft) setFlashes(stored []storedFlash) error {
	if len(stored) == 0 {
		d.remove(nameFlashes)
		return nil
	}
	value, err := d.format.encode(stored)
	if err != nil {
		return err
	}
	d.set(nameFlashes, value)
	return nil
}
