package document

import "time"

// Owner returns the name of the owner, or nil.
func (d *Document) Owner() []byte { return d.meta.owner }

// SetOwner notes the owner that a document names among its values.
func (d *Document) SetOwner(owner []byte) { d.meta.owner = owner }

// Text returns the note of a name, or nil.
func (d *Document) Text(name string) []byte { return d.meta.text(name) }

// Sealed reports whether the document is a seal: it stands where a session was, reads
// as no session and takes no write.
func (d *Document) Sealed() bool { return d.meta.sealed }

// Created returns when the session began, to the microsecond.
func (d *Document) Created() time.Time { return timeOf(d.meta.created) }

// Authenticated returns when the owner signed in last, or the zero time.
func (d *Document) Authenticated() time.Time { return timeOf(d.meta.authenticated) }

// Deadline returns the absolute end.
func (d *Document) Deadline() time.Time { return timeOf(d.meta.deadline) }

// Over reports whether the absolute end has come.
func (d *Document) Over(now time.Time) bool { return now.UnixMicro() >= d.meta.deadline }

// LimitDeadline moves the absolute end to at, if that is earlier.
func (d *Document) LimitDeadline(at time.Time) {
	d.meta.deadline = min(d.meta.deadline, micros(at))
}

// SetTimes notes when a session began, and its absolute end, in a document that another
// library made.
func (d *Document) SetTimes(created, deadline time.Time) {
	d.meta.created, d.meta.deadline = micros(created), micros(deadline)
}

// HasCommit reports whether a commit is among the latest of the document.
func (d *Document) HasCommit(id []byte) bool { return d.meta.hasCommit(id) }

// NewestCommit returns the id of the latest commit, or nil.
func (d *Document) NewestCommit() []byte { return d.meta.newest() }
