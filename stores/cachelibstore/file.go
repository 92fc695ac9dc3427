package cachelibstore

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/filelock"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

const expirySize = 4

// never is what stands for an expiry that does not come.
const never = 0

// file is what a session's file holds.
type file struct {
	expires uint32
	pickled []byte
}

var (
	errShort = errors.New("it is shorter than an expiry")
	errLarge = fmt.Errorf("it is larger than %d bytes", pickle.MaxBytes)
	errKind  = errors.New("it is no regular file")
)

// unreadable is the error of a file that does not hold what it should.
type unreadable struct{ error }

func (e unreadable) Unwrap() error { return e.error }

// read returns what a file holds, expired or not; ErrNotFound; or unreadable. It is read from one open
// descriptor, so it is one state, even while another is renamed into its place.
func read(path string) (*file, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cloakroom.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, unreadable{errKind}
	case info.Size() < expirySize:
		return nil, unreadable{errShort}
	case info.Size() > expirySize+pickle.MaxBytes:
		return nil, unreadable{errLarge}
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, unreadable{errShort}
		}
		return nil, err
	}
	return &file{binary.NativeEndian.Uint32(b), b[expirySize:]}, nil
}

// dict returns the session; the error is unreadable.
func (f *file) dict() (*pickle.Dict, error) {
	v, err := pickle.Decode(f.pickled)
	if err != nil {
		return nil, unreadable{err}
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, unreadable{errNoDict}
	}
	return d, nil
}

// version identifies the session's data, and not its expiry.
func (f *file) version() cloakroom.Version {
	sum := sha256.Sum256(f.pickled)
	return cloakroom.Version(sum[:])
}

// expired reports whether the expiry has come. Python lets the second of the expiry pass first.
func (f *file) expired(now time.Time) bool {
	return f.expires != never && !now.Before(time.Unix(int64(f.expires), 0))
}

// expiry returns the expiry as time; the last that there is for one that does not come.
func (f *file) expiry() time.Time {
	if f.expires == never {
		return time.Unix(math.MaxUint32, 0)
	}
	return time.Unix(int64(f.expires), 0)
}

// seconds returns what a file holds for an expiry: rounded up, and within what four bytes can say.
func seconds(t time.Time) uint32 {
	unix := t.Unix()
	if t.Nanosecond() > 0 {
		unix++
	}
	return uint32(min(max(unix, 1), math.MaxUint32))
}

// writeTemp writes a file that is complete and on the disk, and returns its path. The name is one that cachelib
// takes for a temporary file of its own.
func (s *Store) writeTemp(expires uint32, pickled []byte) (path string, err error) {
	var random [8]byte
	rand.Read(random[:])
	path = filepath.Join(s.dir, tempPrefix+hex.EncodeToString(random[:])+tempSuffix)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	b := binary.NativeEndian.AppendUint32(make([]byte, 0, expirySize+len(pickled)), expires)
	_, err = f.Write(append(b, pickled...))
	if err == nil {
		err = f.Chmod(s.opts.Mode)
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

func (s *Store) syncDir() error {
	if s.opts.NoSync {
		return nil
	}
	return filelock.SyncFolder(s.dir)
}
