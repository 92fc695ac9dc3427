package cloakroom

import (
	"context"
	"errors"
	"iter"

	"github.com/cloakroom-go/cloakroom/store"
)

// CopyOptions say how [Manager.CopyTo] copies. The zero value copies sessions as they are.
type CopyOptions struct {
	// WithoutProfile leaves a [Profile]: it copies to a store for a manager without
	// one, so that those who have their cookies stay signed in. That manager must have
	// the same Options.CookieName, Path and Domain, or browsers would send it nothing,
	// and it needs Options.FormerTickets for those whose cookie is not spelled as a
	// ticket, 43 characters of canonical URL-safe base64: see [CopyResult.Former].
	//
	// Each session is stored under the hash of its ticket, with the owner that its
	// values name, in the index too, and the absolute deadline that it has, or
	// Options.Lifetime from now if that is earlier. One whose cookie is signed, or that
	// has a key that is no string, is an error of that session. When it is run again, a
	// session that was not used in the target meanwhile is brought up to date.
	WithoutProfile bool
}

// CopyResult is what became of one session by [Manager.CopyTo].
type CopyResult struct {
	// Err is why the session could not be copied, or nil. It names no id.
	Err error

	// Foreign reports that the key in the store cannot be the id of a session: it is
	// something else that begins alike, and is left alone.
	Foreign bool

	// Former reports, with [CopyOptions.WithoutProfile], that the session's cookie is
	// not spelled as a ticket, so that only a manager with Options.FormerTickets takes
	// it.
	Former bool

	// ID is its public ID, see [Session.ID].
	ID string

	// Written reports that it was stored. Otherwise, unless there is an error or
	// Foreign is set, it was there already.
	Written bool
}

// CopyTo copies all live sessions to another store, with their ids, so that their
// tickets stay valid, and their data, expiry, owner and deadline. It yields one
// [CopyResult] for each session; an error as the second value is of the listing, or the
// context's, and is the last. Where the store of m cannot list, it is
// [errors.ErrUnsupported].
//
// It can be run again after it was stopped, and to bring later changes: what is there
// already is left alone, or brought up to date when it is an earlier state of the same
// record, or when only its expiry lags behind. What was changed in the target since is
// kept. Where neither record shows that it came from the other, as after sixteen
// commits in the source, it is an error of that session.
//
// No promise about sign-outs reaches across two stores. A session that was copied and
// then signed out in the source stays in the target, and one that was signed out in the
// target would come back if it were copied again. So stop the application, copy, and
// start it with the target; and do not run a copy again once the target is in use. The
// seal that a session leaves at its former ticket is copied like a session, but yielded
// only if that fails: the former ticket is dead in the target too.
//
// Options.Timeout of m bounds each session. At most 32 records are in memory at once.
func (m *Manager) CopyTo(
	ctx context.Context, to store.Store, options CopyOptions,
) iter.Seq2[CopyResult, error] {
	return func(yield func(CopyResult, error) bool) {
		if options.WithoutProfile && m.options.Profile == nil {
			yield(CopyResult{}, errNoProfile)
			return
		}
		for c, err := range m.engine.CopyTo(ctx, to, options.WithoutProfile) {
			if !yield(CopyResult(c), err) {
				return
			}
		}
	}
}

var errNoProfile = errors.New(
	"cloakroom: CopyOptions.WithoutProfile needs a manager with Options.Profile")
