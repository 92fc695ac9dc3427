// Package filestore keeps each session in a file of its own, in one folder that any number of
// processes on one machine may use at once.
//
// The cost of an operation does not depend on how many sessions there are. A write is complete or did not
// happen, also when the process is killed or, unless [Options.NoSync] is set, the power fails: the record
// is written to a temporary file, synced, and renamed. Writers take the lock of the session's
// shard, one of 256, for the comparison and the rename, and without sync for the writing of small
// records too. The folder must be on a local file system, or one whose locks (flock, LockFileEx) and
// renames hold between all who use it; NFS needs version 4.
//
// Files are for their user alone: 0600, in folders of 0700, whatever the umask. A
// folder that others may change is refused, see [Options.TrustFolder]. Where the folder
// or a part of it is removed while the store is in use, its sessions have ended, and
// what is missing is made anew with the next write.
//
// A record in a file that is
// damaged, such as by a failing disk, is [store.ErrUnreadable] and is reported to the logger by the file's path
// only. It is listed by owner without a record, and ends by a Delete without a version, by a Create in its place, or by
// Sweep. What is no regular file, such as a pipe or a folder, is no record.
//
// The store lists by owner, lists all, and sweeps. Nothing removes expired files by
// itself: set [Options.SweepEvery] or
// [Options.SweepInterval], or call Sweep now and then, such as every minute. It cannot move a record in one step, and leaves that to the core.
// Expiries are exact to the nanosecond. A touch is not synced: after a power failure a
// session may expire at the time that it had before its latest touch.
//
// The folder holds sessions/XX/ID for the records, owners/XX/OWNER/ID for the owner
// index, and locks/XX, where XX are the first digits of the name. Ids and owners other
// than 64 lower-case hexadecimal digits are named by x and their SHA-256. Without sync,
// a shard's folder keeps one file of zeros, .tmp-spare, to write over. A lock file must
// not be removed alone while the store is in use: a change that is under way may be
// lost then.
package filestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/filelock"
	"github.com/cloakroom-go/cloakroom/internal/sweeper"
	"github.com/cloakroom-go/cloakroom/store"
)

// MaxRecord is the largest data of one record, in bytes: 64 MiB. More is [store.ErrTooLarge].
const MaxRecord = 64 << 20

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Logger gets the warnings about damaged files. The default is slog.Default().
	Logger *slog.Logger

	// NoSync leaves it to the operating system when records reach the disk. Writes are
	// then many times faster, and a power failure may lose those of the last half
	// minute or so, deletions among them, and may end the sessions that were written
	// then. A process that is killed loses nothing either way.
	NoSync bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// SweepEvery, if positive, sweeps in the background on average once in so many
	// calls of Load and Create, about as many as there are requests that use a session.
	// The default is not to.
	SweepEvery int

	// SweepInterval, if positive, sweeps in the background so often, each time up to a
	// fifth earlier or later, so that several processes do not sweep together. At least
	// a second. The default is not to. Call [Store.Close] at the end.
	SweepInterval time.Duration

	// TrustFolder says that others may change what is in the folder. Without it,
	// opening fails with an error that names the path where a folder of the store is a
	// symbolic link, belongs to another user than this process's and root, or may be
	// written by its group or by everyone; the group of root counts as root. It fails
	// too where everyone may write a folder above. The sticky bit, as of /tmp, makes
	// the folder itself and those above good enough. Who can write the folder can sign
	// in as anyone. There is no such check on Windows.
	TrustFolder bool

	onlyOpen bool // make no folder: the store must be there
}

const (
	shardCount  = filelock.Count
	tempPrefix  = ".tmp-"
	tempAge     = 15 * time.Minute // a temporary file that is older was left behind by a crash
	defaultPage = 100
	maxPage     = 10_000
	sweepBatch  = 1000 // files that a background sweep looks at in one go
	separator   = string(filepath.Separator)
)

// Store is a [store.Store] in files. Make one with [New]. It is safe for concurrent use
// and holds no open files between calls: [Store.Close] is only for those that sweep in
// the background.
type Store struct {
	dir      string
	sessions string // dir/sessions/
	opts     Options

	locks   *filelock.Set // one a shard
	sweeper sweeper.Sweeper

	making sync.Mutex // held while folders are made

	mu       sync.Mutex
	reported map[string]bool // damaged files that were reported
}

var (
	_ store.OwnerLister = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
)

// New returns a store in the folder dir, which is made if it is missing.
func New(dir string, opts Options) (*Store, error) {
	if dir == "" {
		return nil, errors.New("filestore: dir is empty")
	}
	abs, err := filepath.Abs(dir) // so that a later chdir does not matter
	if err != nil {
		return nil, fmt.Errorf("filestore: open: %w", err)
	}
	switch {
	case opts.SweepEvery < 0:
		return nil, fmt.Errorf("filestore: Options.SweepEvery is negative: %d", opts.SweepEvery)
	case opts.SweepInterval != 0 && opts.SweepInterval < time.Second:
		return nil, fmt.Errorf("filestore: Options.SweepInterval is %v: it must be at least 1s, or 0 for never", opts.SweepInterval)
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{
		dir: abs, sessions: filepath.Join(abs, "sessions") + separator, opts: opts,
		locks: filelock.NewSet(filepath.Join(abs, "locks")), reported: map[string]bool{},
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("filestore: open: %w", err)
	}
	s.sweeper.Start(sweeper.Config{
		Batch: sweepBatch, Every: opts.SweepEvery, Interval: opts.SweepInterval, Sweep: s.Sweep,
		Failed: func(err error) {
			opts.Logger.Warn("filestore: sweeping in the background failed; the next sweep tries again", "error", err)
		},
	})
	return s, nil
}

// Close stops sweeping in the background, and waits until a sweep under way has ended.
// All else goes on to work. It always returns nil, and may be called again.
func (s *Store) Close() error {
	s.sweeper.Stop()
	return nil
}

func shardName(i int) string { return hex.EncodeToString([]byte{byte(i)}) }

// fileName returns a name for an id or owner that is safe on every file system: of one
// case, of bounded length, and without anything that means something in a path.
func fileName(id string) string {
	if isHex(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "x" + hex.EncodeToString(sum[:])
}

func isHex(id string) bool {
	if len(id) != 64 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isName reports whether fileName may have returned name.
func isName(name string) bool { return isHex(strings.TrimPrefix(name, "x")) }

func shardOf(name string) string { return strings.TrimPrefix(name, "x")[:2] }

func (s *Store) folder(shard string) string { return s.sessions + shard }

func (s *Store) path(name string) string { return s.sessions + shardOf(name) + separator + name }

// failed says which operation failed. Its paths and errors hold ids, never data.
func failed(op string, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict),
		errors.Is(err, store.ErrExists), errors.Is(err, store.ErrTooLarge):
		return err
	}
	return fmt.Errorf("filestore: %s: %w", op, err)
}

func (s *Store) now() int64 { return nanos(s.opts.Now()) }

// report logs that a file is damaged, once.
func (s *Store) report(ctx context.Context, path string, why error) {
	s.mu.Lock()
	known := s.reported[path]
	if len(s.reported) >= 1000 { // a bound, not a promise to remember
		clear(s.reported)
	}
	s.reported[path] = true
	s.mu.Unlock()
	if !known {
		s.opts.Logger.WarnContext(ctx, "filestore: a session file cannot be read", "path", path, "reason", why)
	}
}

func (s *Store) repaired(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reported, path)
}

// noTime stands for the zero time, which has no Unix nanoseconds.
const noTime = math.MinInt64

func nanos(t time.Time) int64 {
	const most = math.MaxInt64/1_000_000_000 - 1
	switch seconds := t.Unix(); {
	case t.IsZero():
		return noTime
	case seconds < -most:
		return noTime + 1
	case seconds > most:
		return math.MaxInt64
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == noTime {
		return time.Time{}
	}
	return time.Unix(0, n)
}
