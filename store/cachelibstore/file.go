package cachelibstore

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/store"
)

// never is what stands for an expiry that does not come.
const never = 0

// file is what a session's file holds.
type file struct {
	place
	form     form
	expires  int64 // in Unix seconds, or never
	value    []byte
	dict     *pickle.Dict // of the value, unless that is JSON
	document []byte       // as the core has it
	changed  time.Time
}

var (
	errShort = errors.New("it is shorter than an expiry")
	errLarge = fmt.Errorf("it is larger than %d bytes", pickle.MaxBytes)
)

// unreadable is the error of a file that does not hold what it should.
type unreadable struct{ error }

func (e unreadable) Unwrap() error { return e.error }

// errKind is the error of what is no regular file.
var errKind = fmt.Errorf("%w: it is no regular file", store.ErrNotFound)

// openFile opens a regular file. It waits for no pipe.
func openFile(path string) (*os.File, fs.FileInfo, error) {
	f, err := folder.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, store.ErrNotFound
	}
	if err != nil {
		// such as a socket
		if !folder.IsRegular(path) {
			err = errKind
		}
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errKind
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// read returns what a file holds, expired or not; ErrNotFound; or what is known of it
// and unreadable. It is read from one open descriptor, so it is one state, even while
// another is renamed into its place.
func (s *Store) read(at place) (*file, error) {
	f, info, err := openFile(at.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	large := info.Size() > maxHead+pickle.MaxBytes
	size := info.Size()
	if large {
		size = maxHead
	}
	b := make([]byte, size)
	if n, err := io.ReadFull(f, b); errors.Is(err, io.ErrUnexpectedEOF) {
		b = b[:n]
	} else if err != nil {
		return nil, err
	}
	form, expires, value, err := split(b)
	if changed := info.ModTime(); s.isNews(changed) {
		s.notice(usage{at.hash, form, changed}, byPython(changed) && err == nil)
	}
	read := &file{
		place: at, form: form, expires: expires, value: b[value:], changed: info.ModTime(),
	}
	if large {
		err = errLarge
	}
	if err != nil {
		return read, unreadable{err}
	}
	return read, nil
}

// version identifies the session's data, and not its expiry.
func (f *file) version() store.Version {
	sum := sha256.Sum256(f.value)
	return store.Version(sum[:])
}

// expired reports whether the expiry has come. Python lets the second of the expiry
// pass first.
func (f *file) expired(now time.Time) bool {
	return f.expires != never && !now.Before(time.Unix(f.expires, 0))
}

// expiry returns the expiry as time; the last that there is for one that does not come.
func (f *file) expiry() time.Time {
	if f.expires == never {
		return time.Unix(math.MaxUint32, 0)
	}
	return time.Unix(f.expires, 0)
}

// seconds returns what a file holds for an expiry: rounded up, and within what four
// bytes can say.
func seconds(t time.Time) uint32 {
	unix := t.Unix()
	if t.Nanosecond() > 0 {
		unix++
	}
	return uint32(min(max(unix, 1), math.MaxUint32))
}

// writeTemp writes a file that is complete and on the disk, and returns its path. The
// name is one that cachelib takes for a temporary file of its own.
func (s *Store) writeTemp(
	form form, expires uint32, value []byte, changed time.Time,
) (path string, err error) {
	var random [8]byte
	rand.Read(random[:])
	path = filepath.Join(s.dir, tempPrefix+hex.EncodeToString(random[:])+tempSuffix)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	b := form.appendHead(make([]byte, 0, maxHead+len(value)), expires)
	_, err = f.Write(append(b, value...))
	if err == nil {
		err = f.Chmod(s.opts.Mode)
	}
	if err == nil {
		err = os.Chtimes(path, changed, changed)
	}
	if err == nil && !s.opts.NoSync {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(path)
		return "", err
	}
	return path, nil
}

func (s *Store) syncFolder() error {
	if s.opts.NoSync {
		return nil
	}
	return folder.Sync(s.dir)
}
