package engine

import (
	"bytes"
	"errors"

	"github.com/cloakroom-go/cloakroom/store"
)

// doubt is what is known of a write that failed without telling whether it happened.
type doubt struct {
	exists bool
	err    error // the write's, if it told one

	// The newest commit and the data of the record that the write started from: a
	// record that lists that commit and not ours, or has these data, proves that the
	// write was not applied.
	commit []byte
	data   []byte
}

// gone is what to return for a session that is no more, or is another by now: whether
// this commit was a part of it before is not known if it is in doubt.
func (c *Commit) gone() error {
	if c.doubt.exists {
		return c.giveUp(nil)
	}
	return ErrGone
}

// final returns the error to give up with, which must not hide that an earlier try is
// in doubt.
func (c *Commit) final(err error) error {
	if c.doubt.exists {
		return errors.Join(ErrUnknownOutcome, err)
	}
	return err
}

// noteFailure takes down what a failed write of the base means. It returns an error to
// give up with.
func (c *Commit) noteFailure(try int, failure error) error {
	c.waited()
	known := errors.Is(failure, store.ErrConflict) || errors.Is(failure, store.ErrExists)
	if !known && !c.doubt.exists {
		c.doubt.exists, c.doubt.err = true, failure
		c.doubt.commit = c.Base.Doc.NewestCommit()
		c.doubt.data = c.Base.Record.Data
	}
	if try+1 >= maxTries || c.Limit.Err() != nil {
		return c.giveUp(failure)
	}
	return nil
}

// giveUp returns the error of a commit that could not be brought to an end: the first
// failure that left its outcome open, if there was one, or else the latest.
func (c *Commit) giveUp(failure error) error {
	if c.doubt.exists {
		return errorAt("commit", errors.Join(ErrUnknownOutcome, c.doubt.err))
	}
	return errorAt("commit", failure)
}

// canTell reports whether a record that does not list this commit proves that it was
// not applied.
func (c *Commit) canTell(present *State) bool {
	return !c.doubt.exists ||
		c.doubt.commit != nil && present.Doc.HasCommit(c.doubt.commit) ||
		bytes.Equal(present.Record.Data, c.doubt.data)
}
