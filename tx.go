package cloakroom

import (
	"github.com/cloakroom-go/cloakroom/internal/document"
)

// Tx is what [Session.Transact] passes to its function: the session's values as they will be
// committed. It is valid until that function returns.
type Tx struct {
	d      document.Draft
	err    error
	log    func(error)
	most   int // values
	before int
}

// Transact changes several values in one exact read-modify-write: fn reads and sets
// them through tx, and what it did is committed now, with everything that is pending,
// in order. fn is called again on newer values when another request committed some
// meanwhile, so it must depend on them alone, have no effect besides, and use tx, not
// the session. When fn returns an error, nothing of what it did is stored, and Transact
// returns that error. [ErrEnded] means that the session was ended meanwhile.
func (s *Session) Transact(fn func(tx *Tx) error) error {
	change := func(d *document.Draft) error {
		tx := &Tx{d: *d, log: s.report, most: s.m.options.MaxValues, before: d.Len()}
		tx.d.Own()
		err := fn(tx)
		if err == nil {
			err = tx.err
		}
		tx.err = ErrFinished
		if err != nil {
			return err
		}
		*d = tx.d
		return nil
	}
	return s.commit(&document.Operation{Kind: document.Change, Change: change})
}

func (tx *Tx) read(name string) (document.Value, error) {
	if tx.err != nil {
		return document.Absent(tx.d.Format()), tx.err
	}
	return tx.d.At(name), nil
}

func (tx *Tx) write(op document.Operation) {
	if tx.err == nil {
		tx.err = op.Settle(tx.d.Format())
	}
	if tx.err == nil {
		tx.err = tx.d.Refuse(&op, tx.most, tx.before)
	}
	if tx.err == nil {
		tx.err = tx.d.Apply(&op, false)
	}
}

func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

func (tx *Tx) report(err error) { tx.log(err) }

var (
	_ Values = (*Session)(nil)
	_ Values = (*Tx)(nil)
)
