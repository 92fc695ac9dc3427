// Package rawfile has files without what an [os.File] does for pipes and sockets, which
// costs a small regular file more system calls than its reading: a method is one system
// call here, where the system allows it.
package rawfile

import (
	"context"
	"errors"
	"time"
)

// Open opens a file for reading. It does not wait: see [IsBusy].
func Open(path string) (File, error) { return open(path, forReading) }

// OpenToWrite opens a file that is there for reading and writing. It is not truncated.
func OpenToWrite(path string) (File, error) { return open(path, forWriting) }

// Create makes a file for writing that only its user may read and write, whatever the
// umask. It is an error if there is something of that name.
func Create(path string) (File, error) {
	f, err := open(path, forCreating)
	if err != nil {
		return f, err
	}
	if err := f.makePrivate(); err != nil {
		return f, errors.Join(err, f.Close())
	}
	return f, nil
}

// Recycles says whether [Reuse] and [Exchange] can work here.
const Recycles = recycles

// Reuse opens a file to be written from its beginning with size bytes, and reports
// whether it could: the file must be a private one of at most most bytes and of no
// other name, and nobody else may have it open, in any process, or be about to have.
// Until it is closed, [Open] of it fails with what [IsBusy] knows, and other ways to
// open it wait. It was shortened to size if it was longer.
func Reuse(path string, size, most int64) (File, bool) { return reuse(path, size, most) }

// Sole reports whether the file has one name only, and is private.
func (f File) Sole() bool { return f.sole() }

// Exchange makes the file from the file of the name to, as [Replace] does, and what had
// that name before has the name from thereafter. It reports whether it did.
//
// Some file systems, ext4 among them, answer a Replace by starting to write the file to
// the disk, which takes them many times longer than all else. They do not answer an
// Exchange so: after a power failure the file may then be empty.
func Exchange(from, to string) bool { return exchange(from, to) }

// maxHeld is how long [Retry] tries at most. A right that is missing looks as a file
// that another has open.
const maxHeld = 3 * time.Second

// Retry repeats f for as long as another has the file open that it needs, until ctx
// ends. Only on Windows do they prevent anything: there a file that is open cannot be
// replaced, and one that is being replaced cannot be opened.
func Retry(ctx context.Context, f func() error) error {
	var waited time.Duration
	for pause := time.Millisecond; ; pause = min(2*pause, 32*time.Millisecond) {
		err := f()
		if !IsHeld(err) || waited >= maxHeld {
			return err
		}
		select {
		case <-time.After(pause):
			waited += pause
		case <-ctx.Done():
			return err
		}
	}
}
