package cloakroom

import (
	"bytes"
	"errors"
	"log/slog"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// ending is what became of a session that was to be ended.
type ending uint8

const (
	endedNothing ending = iota // there was none
	endedBefore                // it was none yet: now it will not begin
	endedLive
	endedWithoutSeal // endedLive, by a deletion
)

// end ends the session stored under id: its record, or, where a seal stands, the
// session that the seal names, if nextOwner is empty or the hash of its owner. known
// may hold what was loaded. When it returns no error, no request in flight can bring
// the session back.
func (m *Manager) end(ctx *deadline.Context, id string, known *state, nextOwner string) (ending, error) {
	failure := ErrConflict // the first, since the last is often only that time is up
	for try := range maxTries {
		if known == nil {
			rec, err := m.store.Load(ctx, id)
			if errors.Is(err, ErrUnreadable) {
				rec, err = store.Record{}, nil // whatever it is, it is to be deleted
			}
			if errors.Is(err, ErrNotFound) {
				return endedNothing, nil
			}
			if err != nil {
				if try == 0 {
					failure = err
				}
				if isRefusal(err) || backoff(ctx, try) != nil {
					break
				}
				continue
			}
			known = &state{id: id, rec: rec}
			_ = m.decode(ctx, known) // one that cannot be read is ended too
		}
		if known.doc.Sealed() {
			if nextOwner != "" && string(known.doc.Text(document.NextOwner)) != nextOwner {
				return endedNothing, nil
			}
			return m.endNext(ctx, known)
		}
		err := m.store.Delete(ctx, id, known.rec)
		switch {
		case err == nil:
			return endedLive, nil
		case errors.Is(err, ErrNotFound):
			return endedNothing, nil
		}
		known = nil
		if try == 0 {
			failure = err
		}
		if isRefusal(err) || backoff(ctx, try) != nil {
			break
		}
	}
	return endedNothing, errorAt("end record", failure)
}

// endNext ends the session that a seal names, see endSealed, and where only a deletion
// could do so, the seal too, which would go on naming a session that may seem about to
// be created. It follows further seals.
func (m *Manager) endNext(ctx *deadline.Context, seal *state) (ending, error) {
	for range maxTries {
		id := string(seal.doc.Text(document.Next))
		if id == "" {
			return endedNothing, nil
		}
		next, how, err := m.endSealed(ctx, id)
		if err != nil {
			return endedNothing, err
		}
		if how == endedWithoutSeal {
			if seal.rec.Owner == "" {
				seal.rec.Owner = m.indexOwner(&seal.doc)
			}
			if err := m.store.Delete(ctx, seal.id, seal.rec); err != nil && !errors.Is(err, ErrNotFound) {
				m.log(ctx, slog.LevelWarn, "seal not deleted", ticket.PublicID(seal.id), withoutID{err, seal.id})
			}
			how = endedLive
		}
		if next == nil {
			return how, nil
		}
		seal = next
	}
	return endedNothing, errorAt("seal record", ErrConflict)
}

// endSealed ends the session under id by a seal in its place: its record may be about
// to be created, and then that must fail. It returns a seal that is there already.
func (m *Manager) endSealed(ctx *deadline.Context, id string) (*state, ending, error) {
	var last error
	for try := range maxTries {
		rec, err := m.store.Load(ctx, id)
		switch {
		case errors.Is(err, ErrUnreadable):
			err = m.store.Delete(ctx, id, store.Record{}) // then it is sealed
		case errors.Is(err, ErrNotFound):
			_, err = m.store.Create(ctx, id, m.tombstone())
			if err == nil {
				return nil, endedBefore, nil
			}
		case err == nil:
			st := state{id: id, rec: rec}
			if m.decode(ctx, &st) != nil {
				st.doc = m.newDocument(false)
			}
			if st.doc.Sealed() {
				return &st, endedNothing, nil
			}
			_, err = m.store.Replace(ctx, id, st.rec, m.seal(&st, "", ""))
			if err == nil {
				return nil, endedLive, nil
			}
			// A full store takes no seal. But the record is there, so its end will do.
			if isRefusal(err) && m.store.Delete(ctx, id, st.rec) == nil {
				return nil, endedWithoutSeal, nil
			}
		}
		last = err
		if isRefusal(err) || backoff(ctx, try) != nil {
			break
		}
	}
	return nil, endedNothing, errorAt("seal record", last)
}

// tombstone is a seal where no record is yet.
func (m *Manager) tombstone() store.Record {
	return m.seal(&state{doc: m.newDocument(false)}, "", "")
}

func (m *Manager) newDocument(persistent bool) document.Document {
	o, now := &m.options, m.now()
	return document.New(o.Format, o.Application, persistent, now, now.Add(o.Lifetime))
}

// belongsTo reports whether a record is of the owner whose name was given.
func (st *state) belongsTo(owner string) bool {
	return bytes.Equal(st.doc.Owner(), []byte(owner))
}

// endCommitting ends a session, after the commits of this process that are under way.
func (m *Manager) endCommitting(ctx *deadline.Context, id string, known *state, nextOwner string) (ending, error) {
	turn, left, err := m.commits.Enter(id, m.options.Timeout)
	if err != nil {
		return endedNothing, errorAt("waiting for other requests of the session", err)
	}
	defer m.commits.Leave(turn, nil, 0)
	if turn.Waited() {
		ctx.Extend(left)
	}
	if latest, _ := turn.Latest(); latest != nil {
		known = nil // it has moved on since
	}
	return m.end(ctx, id, known, nextOwner)
}
