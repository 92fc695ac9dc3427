package filestore

import (
	"errors"
	"io/fs"
	"os"

	"github.com/cloakroom-go/cloakroom/internal/rawfile"
	"github.com/cloakroom-go/cloakroom/store"
)

// Without sync, a small record is written over an old one where the system can make
// sure that nobody reads that: making and removing files costs more than all else. The
// shard's spare is a file that was exchanged for another; it holds zeros. Who had it
// open as a session's file may find them, and reads again: see live.
//
// All of this is done under the lock of the shard, so a spare has one writer. When the
// power fails, what the system had not yet written is lost: of a name that was
// exchanged and the bytes that it should show, either may be newer. So it shows the
// record, or zeros, or what was in the spare before and is half a minute old at most,
// since the zeros are written as soon as other bytes.

const spareName = tempPrefix + "spare"

var zeros [maxPooled]byte

// swap makes b the file of path, and keeps the file from before as the spare, if there
// is one: old is open then, and of that size, and swap closes it, or the next writer
// could not have the spare. If it fails, stored tells whether b may be stored. Where
// old is that of a live session and was removed by hand meanwhile, the session stays
// gone.
func (s *Store) swap(path, spare string, b []byte, old *rawfile.File, size int, live bool) (stored bool, err error) {
	if old != nil {
		defer old.Close() //nolint:errcheck // it holds nothing any more
	}
	f, ok := rawfile.Reuse(spare, int64(len(b)), maxPooled)
	if !ok {
		f, err = rawfile.Create(spare)
		if errors.Is(err, fs.ErrExist) { // somebody has it open, or it is none of ours
			os.Remove(spare)
			f, err = rawfile.Create(spare)
		}
		if err != nil {
			return false, err
		}
	}
	if err := f.WriteAt(b, 0); err != nil {
		os.Remove(spare) // first: who waits to read the file finds no record in it
		_ = f.Close()
		return false, err
	}
	exchanged := old != nil && rawfile.Exchange(spare, path)
	if !exchanged && live {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			os.Remove(spare)
			_ = f.Close()
			return false, store.ErrNotFound
		}
	}
	if !exchanged {
		err = rawfile.Replace(spare, path)
	}
	closeErr := f.Close() // not before: see Reuse
	if err == nil {
		err = closeErr
	}
	if err != nil && !exchanged {
		os.Remove(spare)
	}
	if exchanged && (size > maxPooled || !old.Sole() || old.WriteAt(zeros[:size], 0) != nil) {
		os.Remove(spare) // it is too large, is some backup's as well, or cannot be written
	}
	return true, err
}
