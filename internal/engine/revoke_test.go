package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// revokes ends all sessions of an owner but one, and fails the test unless there were so many.
func (r *rig) revokes(owner, keep string, want int) {
	r.t.Helper()
	if n, err := r.RevokeOwned(r.t.Context(), owner, keep, ""); err != nil || n != want {
		r.t.Errorf("%d are revoked, want %d: %v", n, want, err)
	}
}

// TestRevoke: one session ends by its public id, its owner's alone, and by a former one too.
func TestRevoke(t *testing.T) {
	r := newRig(t)
	st, other, bobs := r.signedIn("alice"), r.signedIn("alice"), r.signedIn("bob")
	for _, id := range []string{ticket.PublicID(bobs.ID), "", st.ID} {
		r.want(r.Revoke(t.Context(), "alice", id, ""), store.ErrNotFound)
	}
	former := ticket.PublicID(st.ID)
	r.run(&st, renew())
	r.want(r.Revoke(t.Context(), "alice", former, ""), nil)
	r.want(r.Revoke(t.Context(), "alice", former, ""), store.ErrNotFound)
	r.want(r.Revoke(t.Context(), "alice", ticket.PublicID(other.ID), ""), nil)
	if !r.gone(st.ID) || !r.gone(other.ID) || r.gone(bobs.ID) {
		t.Error("the wrong sessions have ended")
	}
	st = r.signedIn("alice")
	r.inject(storetest.OpDelete, storetest.Failed().Reporting(store.ErrRefused))
	r.want(r.Revoke(t.Context(), "alice", ticket.PublicID(st.ID), ""), store.ErrRefused)
}

// TestRevokeOwned: all sessions of an owner end but the one that is to stay, under the ticket that
// it has by now, and no other owner's.
func TestRevokeOwned(t *testing.T) {
	r := newRig(t)
	bobs := r.signedIn("bob")
	r.revokes("alice", "", 0)
	for range 3 {
		r.signedIn("alice")
	}
	st := r.signedIn("alice")
	kept := st.ID
	r.run(&st, renew())
	r.run(&st, renew())
	r.revokes("alice", kept, 3)
	if r.gone(st.ID) || r.gone(bobs.ID) || r.live() != 2 {
		t.Errorf("%d live", r.live())
	}
	r.revokes("alice", bobs.ID, 1)
	r.revokes("alice", "none", 0) // the one to be kept has ended
	r.revokes("alice", "", 0)
	if r.gone(bobs.ID) {
		t.Error("another owner's session has ended")
	}
}

// TestRevokeOfMoved: an owner's index may lead to a session that is another owner's by now, by a
// seal or by a record that changed its owner. That one stays.
func TestRevokeOfMoved(t *testing.T) {
	r := newRig(t)
	st := r.signedIn("alice")
	r.run(&st, r.login("bob"))
	r.revokes("alice", "", 0)
	if r.gone(st.ID) {
		t.Error("bob's session has ended")
	}
	// The seal is kept by its next id.
	st = r.signedIn("alice")
	former := st.ID
	r.run(&st, renew())
	seal := store.Entry{ID: former, Record: r.load(former).Record}
	how, err := r.revoke(t.Context(), "alice", seal, []string{st.ID}, "")
	if err != nil || how != endedNothing || r.gone(st.ID) {
		t.Errorf("%v, %v", how, err)
	}
	how, err = r.revoke(t.Context(), "al", store.Entry{ID: st.ID, Record: st.Record}, nil, "")
	if err != nil || how != endedNothing || r.gone(st.ID) {
		t.Errorf("an entry of another owner: %v, %v", how, err)
	}
}

// TestRevokeUnreadable: what stands in an owner's index and cannot be read ends too, and so does
// what is about to be created.
func TestRevokeUnreadable(t *testing.T) {
	r := newRig(t)
	r.garbage("alice")
	r.revokes("alice", "", 1)
	if r.mem.Len() != 0 {
		t.Error("it is left")
	}
	_, id := r.config.Policy.Mint()
	how, err := r.revoke(t.Context(), "alice", store.Entry{ID: id}, nil, "")
	if err != nil || how != endedBefore || !r.gone(id) || r.mem.Len() != 1 {
		t.Errorf("%v, %v", how, err)
	}
	r.signedIn("alice")
	st := r.signedIn("alice")
	id = st.ID
	r.run(&st, renew())
	how, err = r.revoke(t.Context(), "alice", store.Entry{ID: id}, nil, "")
	if err != nil || how != endedLive || !r.gone(st.ID) || r.live() != 1 {
		t.Errorf("where a seal has come meanwhile: %v, %v", how, err)
	}
}

// TestRevokePasses: sessions that appear while others are revoked are revoked too, and if there is
// no end to them the error says so.
func TestRevokePasses(t *testing.T) {
	r := newRig(t)
	there := r.other()
	r.signedIn("alice")
	r.before(storetest.OpDelete, func() { there.signedIn("alice") })
	r.revokes("alice", "", 2)
	if r.live() != 0 {
		t.Errorf("%d live", r.live())
	}
	r.signedIn("alice")
	for range maxPasses {
		r.before(storetest.OpDelete, func() { there.signedIn("alice") })
	}
	n, err := r.RevokeOwned(t.Context(), "alice", "", "")
	if n != maxPasses || err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) ||
		r.live() != 1 {
		t.Errorf("%d, %v, %d live", n, err, r.live())
	}
	r.revokes("alice", "", 1)
}

// TestRevokeGoneMeanwhile: a session that ends by itself is not counted.
func TestRevokeGoneMeanwhile(t *testing.T) {
	r := newRig(t)
	there := r.other()
	st := r.signedIn("alice")
	r.before(storetest.OpDelete, func() { there.ends(st.ID, nil, "", endedLive) })
	r.revokes("alice", "", 0)
}

// TestRevokeFailures: a session that cannot be ended spares no other. The error joins the first 20
// failures and counts the rest.
func TestRevokeFailures(t *testing.T) {
	r := newRig(t)
	const sessions, failing = 40, failuresKept + 3
	bad := map[string]bool{}
	for i := range sessions {
		st := r.signedIn("alice")
		bad[st.ID] = i < failing
	}
	r.faulty.Decide = func(op storetest.Op, id string) storetest.Fault {
		if op == storetest.OpDelete && bad[id] {
			return storetest.Failed().Reporting(store.ErrRefused)
		}
		return storetest.Fault{}
	}
	n, err := r.RevokeOwned(t.Context(), "alice", "", "")
	r.want(err, store.ErrRefused)
	text := err.Error()
	if n != sessions-failing || r.live() != failing ||
		strings.Count(text, store.ErrRefused.Error()) != failuresKept ||
		!strings.Contains(text, "and 3 more failed") {
		t.Errorf("%d ended, %d live: %v", n, r.live(), err)
	}
	r.faulty.Decide = nil
	r.revokes("alice", "", failing)

	r.inject(storetest.OpOwned, storetest.Failed())
	_, err = r.RevokeOwned(t.Context(), "alice", "", "")
	r.want(err, storetest.ErrInjected)
	st := r.signedIn("alice")
	r.inject(storetest.OpLoad, storetest.Failed())
	_, err = r.RevokeOwned(t.Context(), "alice", st.ID, "")
	r.want(err, storetest.ErrInjected)
	if r.gone(st.ID) {
		t.Error("a session was revoked without a look at the one to be kept")
	}
}

// TestRevokeGoesOn: what has begun to end ends also when the caller hangs up, and nothing begins
// after that.
func TestRevokeGoesOn(t *testing.T) {
	r := newRig(t)
	r.signedIn("alice")
	r.signedIn("alice")
	ctx, cancel := context.WithCancel(t.Context())
	r.before(storetest.OpDelete, cancel)
	_, err := r.RevokeOwned(ctx, "alice", "", "")
	r.want(err, context.Canceled)
	if r.live() != 1 {
		t.Errorf("%d live, want the one whose end had not begun", r.live())
	}
}

// TestRevokeUnsupported: where the store cannot list by owner, or must not be asked to, there is an
// error.
func TestRevokeUnsupported(t *testing.T) {
	plain := newRig(t, func(c *Config) { c.Store = struct{ store.Store }{c.Store} })
	shared := newRig(t, func(c *Config) { c.Policy.HasIndex = false })
	for _, r := range []*rig{plain, shared} {
		st := r.signedIn("alice")
		_, err := r.RevokeOwned(t.Context(), "alice", "", "")
		r.want(err, errors.ErrUnsupported)
		err = r.Revoke(t.Context(), "alice", ticket.PublicID(st.ID), "")
		r.want(err, errors.ErrUnsupported)
		for _, err := range r.Owned(t.Context(), "alice") {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v", err)
			}
		}
	}
	st := shared.signedIn("alice")
	if rec, err := shared.mem.Load(t.Context(), st.ID); err != nil ||
		st.Record.Owner+rec.Owner != "" {
		t.Errorf("the record is in the index of %q, %v", rec.Owner, err)
	}
}
