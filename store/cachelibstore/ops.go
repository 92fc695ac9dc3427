package cachelibstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/store"
)

// live returns what the file of a live session holds; ErrNotFound; or ErrUnreadable,
// with the file, which is reported.
func (s *Store) live(ctx context.Context, places []place) (*file, error) {
	f, err := s.liveAt(ctx, places[0])
	for i := 1; len(places) > 1 && isAbsent(err) && i < looks; i++ {
		f, err = s.liveAt(ctx, places[i%2]) // it may have been moved there just then
	}
	return f, err
}

// looks is how often a session is looked for under both of its names, in turn: odd, and
// more often than it can be moved meanwhile.
const looks = 7

func isAbsent(err error) bool {
	return errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable)
}

func (s *Store) liveAt(ctx context.Context, at place) (*file, error) {
	var f *file
	err := folder.Retry(ctx, func() (err error) {
		f, err = s.read(at)
		return err
	})
	if f != nil && f.expired(s.opts.Now()) {
		return nil, store.ErrNotFound
	}
	if err == nil {
		err = f.decode(s.opts.Pickles)
	}
	if bad := (unreadable{}); errors.As(err, &bad) {
		s.unreadable.Unreadable(ctx, at.path, bad.error)
		return f, store.ErrUnreadable
	}
	if errors.Is(err, errKind) {
		s.unreadable.Unreadable(ctx, at.path, err)
		err = store.ErrNotFound
	}
	return f, err
}

// Load implements [store.Store]. The data is a MessagePack map, or the JSON of a file
// of cachelib's JSONSerializer; with [Options.Pickles], what is in the file. It takes
// no lock.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, failed("load", err)
	}
	f, err := s.live(ctx, s.places(id))
	if err != nil {
		return store.Record{}, failed("load", err)
	}
	data := f.document
	if s.opts.Pickles {
		data = f.value
	}
	return store.Record{Data: data, Expires: f.expiry(), Version: f.version()}, nil
}

// Create implements [store.Store]. The data is a document, MessagePack or JSON, or a
// pickled dict; other data is an error, and nothing is written. On a full disk it
// returns [store.ErrFull]. A file that cannot be read is replaced.
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	_ = s.lookAround() // if it fails, what is known so far goes on to hold
	v, err := s.write(ctx, id, r, func(_ *file, err error) error {
		if err == nil {
			return store.ErrExists
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return v, failed("create", err)
}

// Replace implements [store.Store]. It recognises old by its version, a digest of the
// file's content, so it notices what Python wrote too, unless that happens between its
// last look and its renaming. For the data and a full disk see [Store.Create].
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	v, err := s.write(ctx, id, next, func(current *file, err error) error {
		if err == nil && current.version() != old.Version {
			return store.ErrConflict
		}
		return err
	})
	return v, failed("replace", err)
}

// verdict returns nil if what live returns may be written over.
type verdict func(current *file, err error) error

// write stores r if allowed says so of what is there. It makes the folder anew if that
// was removed.
func (s *Store) write(
	ctx context.Context, id string, r store.Record, allowed verdict,
) (v store.Version, err error) {
	err = folder.Remake(s.makeFolder, func() error {
		v, err = s.writeOnce(ctx, id, r, allowed)
		return err
	})
	return v, err
}

// writeOnce does what is slow before the lock is taken, or after it, so that writers of
// one shard, in this process and others, do not keep each other waiting. Where its
// error is [fs.ErrNotExist], nothing was stored.
func (s *Store) writeOnce(
	ctx context.Context, id string, r store.Record, allowed verdict,
) (store.Version, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.lookAtCounters()
	places := s.places(id)
	before, err := s.live(ctx, places)
	if err := allowed(before, err); err != nil { // saves the work below
		return "", folder.Refused(err)
	}
	use := s.usage()
	var was *pickle.Dict
	to := s.place(id, use.hash)
	if err == nil {
		was = before.dict
		use.form = use.form.over(before.form)
	}
	value, err := use.form.value(r.Data, was)
	if err == nil && len(value) > pickle.MaxBytes {
		err = pickle.ErrTooLarge
	}
	if err != nil {
		return "", tooLarge(err)
	}
	temp, err := s.writeTemp(use.form, seconds(r.Expires), value, changedNow(before, to))
	if err != nil {
		return "", folder.Refused(err)
	}
	made, err := s.rename(ctx, temp, places, to, allowed)
	if err != nil {
		os.Remove(temp)
		return "", err
	}
	s.count(ctx, made)
	// After the lock: the next writer syncs this rename with its own.
	if err := s.syncFolder(); err != nil {
		return "", err
	}
	return (&file{value: value}).version(), nil
}

// rename puts a temporary file into its place, if allowed says so of what is there, and
// reports how many files more there are.
func (s *Store) rename(
	ctx context.Context, temp string, places []place, to place, allowed verdict,
) (made int, err error) {
	unlock, err := s.lock(ctx, places)
	if err != nil {
		return 0, folder.Refused(err)
	}
	defer unlock()
	f, readErr := s.live(ctx, places)
	if err := allowed(f, readErr); err != nil {
		return 0, folder.Refused(err)
	}
	made = 1 - len(s.regular(places))
	if readErr == nil && f.place != to { // first there, or two could be found
		if err := folder.Rename(ctx, temp, f.path, true); err != nil {
			return 0, folder.Refused(err)
		}
		if err := folder.Rename(ctx, f.path, to.path, false); err != nil {
			return 0, err
		}
	} else if err := folder.Rename(ctx, temp, to.path, readErr == nil); err != nil {
		return 0, folder.Refused(err)
	}
	for _, p := range s.regular(places) {
		if p != to {
			err = errors.Join(err, folder.Remove(ctx, p.path))
		}
		s.unreadable.Repaired(p.path)
	}
	return made, folder.IgnoreMissing(err)
}

// regular returns the places where there is a regular file, or a link to one, as they
// are read.
func (s *Store) regular(places []place) (found []place) {
	for _, p := range places {
		if info, err := os.Stat(p.path); err == nil && info.Mode().IsRegular() {
			found = append(found, p)
		}
	}
	return found
}

// tooLarge turns the bounds of a pickle into the store's.
func tooLarge(err error) error {
	if errors.Is(err, pickle.ErrTooLarge) {
		return fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	}
	return err
}

// Touch implements [store.Store]. It is not synced.
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	s.lookAtCounters()
	return failed("touch", s.locked(ctx, s.places(id), func(current *file, err error) error {
		if err != nil {
			return err
		}
		use := s.usage()
		to, form := s.place(id, use.hash), use.form.over(current.form)
		if form == formOld || current.form == formOld { // whose expiries differ in length
			temp, err := s.writeTemp(form, seconds(expires), current.value, changedNow(current, to))
			if err == nil {
				err = folder.Rename(ctx, temp, current.path, true)
			}
			if err != nil {
				os.Remove(temp)
				return err
			}
		} else if err := s.setExpiry(current, to, expires); err != nil {
			return err
		}
		if current.place == to {
			return nil
		}
		return folder.Rename(ctx, current.path, to.path, false)
	}))
}

// setExpiry writes an expiry over the one in a file, which is going to be at to.
func (s *Store) setExpiry(current *file, to place, expires time.Time) error {
	f, err := os.OpenFile(current.path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(formPickle.appendHead(nil, seconds(expires)), 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	changed := changedNow(current, to)
	return os.Chtimes(current.path, changed, changed)
}

// Delete implements [store.Store]. Without a version it removes a file that cannot be
// read too.
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	places, removed := s.places(id), 0
	err := s.locked(ctx, places, func(current *file, err error) error {
		switch {
		case err == nil && r.Version != "" && current.version() != r.Version:
			return store.ErrConflict
		case err != nil && (r.Version != "" || !errors.Is(err, store.ErrUnreadable)):
			return err
		}
		found := s.regular(places)
		// The live one last, or a crash in between could bring the other to life.
		slices.SortFunc(found, func(a, _ place) int {
			if a == current.place {
				return 1
			}
			return -1
		})
		removed, err = s.removeAll(ctx, found)
		return err
	})
	if removed > 0 {
		s.count(ctx, -removed)
		err = errors.Join(err, s.syncFolder())
	}
	return failed("delete", err)
}

// removeAll removes files, in this order, and returns how many there were. One that
// Python removes just then keeps none of the others alive; if it removes all, the error
// is [store.ErrNotFound].
func (s *Store) removeAll(ctx context.Context, found []place) (removed int, err error) {
	for _, p := range found {
		switch err := folder.Remove(ctx, p.path); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil && removed == 0:
			return 0, folder.Refused(err)
		case err != nil:
			return removed, err
		}
		removed++
		s.unreadable.Repaired(p.path)
	}
	if removed == 0 {
		return 0, store.ErrNotFound
	}
	return removed, nil
}

// locked runs f on what live returns, under the session's locks, if there is a session.
func (s *Store) locked(ctx context.Context, places []place, f verdict) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := s.live(ctx, places); isAbsent(err) { // saves the lock
		return err
	}
	unlock, err := s.lock(ctx, places)
	if err != nil {
		return err
	}
	defer unlock()
	if err := f(s.live(ctx, places)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return store.ErrNotFound // Python removed it just now
}
