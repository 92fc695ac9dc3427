// Package filestore keeps each session in a file of its own, in one folder that any number of
// processes on one machine may use at once.
//
// # Design
//
// The folder holds sessions/XX/ID for the records, owners/XX/OWNER/ID for the owner index,
// and locks/XX, where XX are the first two digits of the name: a shard, one of 256. Ids
// and owners other than 64 lower-case hexadecimal digits are named by x and their SHA-256.
//
// A write takes the lock of its shard (flock, LockFileEx), reads the record and compares
// its version, writes the new one to a temporary file, syncs that, and renames it over the
// old one. Then it releases the lock and syncs the folder. So a write is complete or did
// not happen, also when the process is killed or the power fails. A touch is a write that
// keeps data and version. A read takes no lock: a file never changes once it has its name,
// and has a checksum. An index entry is made before its record and removed after it, under
// the record's lock. [Options.NoSync] leaves out the syncs, and nothing else.
//
// The cost of an operation does not depend on how many sessions there are. The folder must be
// on a local file system, or on one whose locks and renames hold between all that use it; NFS
// needs version 4. Expiries are exact to the nanosecond.
//
// # Removed and damaged files
//
// A session ends when its file is removed by hand, alone or with a folder, and the next
// write makes missing folders anew. A write under way looks for the record's file just
// before the rename; only one that is removed in the microseconds in between comes back.
// Do not remove a lock file alone: a change that is under way may be lost.
//
// A damaged file, or one of another format, is [store.ErrUnreadable], and is logged by its
// path only. It is listed by owner without a record, and ends by a Delete without a version,
// a Create in its place, or Sweep. A pipe or a folder is no record.
//
// The store lists by owner, lists all, and sweeps; it leaves moves to the core. Nothing
// removes expired files by itself: set [Options.SweepEvery] or [Options.SweepInterval], or
// call Sweep every minute or so.
package filestore

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/filelock"
	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/internal/sweeper"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// MaxRecord is the largest data of one record, in bytes: 64 MiB. More is [store.ErrTooLarge].
const MaxRecord = 64 << 20

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Logger gets the warnings about damaged files. The default is slog.Default().
	Logger *slog.Logger

	// NoSync leaves it to the operating system when records reach the disk. Writes are
	// then many times faster, and a power failure may lose those of about the last half
	// minute, deletions among them, or end the sessions that were written then. A
	// process that is killed loses nothing either way.
	NoSync bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// SweepEvery, if positive, sweeps in the background on average once in so many
	// calls of Load and Create, which is about once in so many requests.
	SweepEvery int

	// SweepInterval, if positive, sweeps in the background so often, at least a second,
	// each time up to a fifth earlier or later, so that several processes do not sweep
	// together. Call [Store.Close] at the end.
	SweepInterval time.Duration

	// TrustFolder says that others may change what is in the folder, and so sign in as
	// anyone. Without it, opening fails with an error that names the path where a folder
	// of the store is a symbolic link, belongs to another user than this process's and
	// root, or may be written by its group, unless that is root's, or by everyone. It
	// fails too where everyone may write a folder above. The sticky bit, as of /tmp,
	// makes the folder itself and those above good enough. Windows has no such check.
	TrustFolder bool

	onlyOpen bool // make no folder: the store must be there
}

// Store is a [store.Store] in files. Make one with [New]. It is safe for concurrent use
// and holds no open files between calls.
type Store struct {
	opts                  Options
	dir, sessions, owners string // the paths of the store and of two folders in it

	damage  *folder.Report
	locks   *filelock.Set // one a shard
	sweeper sweeper.Sweeper

	syncFile   func(*os.File) error // these do nothing with Options.NoSync
	syncFolder func(path string) error
}

var (
	_ store.OwnerLister = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
)

// New returns a store in the folder dir, which is made if it is missing.
func New(dir string, opts Options) (*Store, error) {
	switch {
	case dir == "":
		return nil, errors.New("filestore: dir is empty")
	case opts.SweepEvery < 0:
		return nil, fmt.Errorf("filestore: Options.SweepEvery is negative: %d", opts.SweepEvery)
	case opts.SweepInterval != 0 && opts.SweepInterval < time.Second:
		return nil, fmt.Errorf("filestore: Options.SweepInterval %v is below 1s", opts.SweepInterval)
	}
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Now == nil {
		opts.Now = time.Now
	}
	dir, err := filepath.Abs(dir) // so that a later chdir does not matter
	if err != nil {
		return nil, failed("open", err)
	}
	s := &Store{
		opts: opts, dir: dir,
		sessions: filepath.Join(dir, "sessions"),
		owners:   filepath.Join(dir, "owners"),
		damage:   folder.NewReport(opts.Logger, "filestore: a session file cannot be read"),
		locks:    filelock.NewSet(filepath.Join(dir, "locks")),
		syncFile: (*os.File).Sync, syncFolder: folder.Sync,
	}
	if opts.NoSync {
		s.syncFile = func(*os.File) error { return nil }
		s.syncFolder = func(string) error { return nil }
	}
	if err := s.open(); err != nil {
		return nil, failed("open", err)
	}
	s.sweeper.Start(sweeper.Config{
		Batch: 1000, Every: opts.SweepEvery, Interval: opts.SweepInterval, Sweep: s.Sweep,
		Failed: func(err error) {
			opts.Logger.Warn("filestore: a sweep failed; the next tries again", "error", err)
		},
	})
	return s, nil
}

// Close stops sweeping in the background, and waits for a sweep under way. All else goes on
// to work. It always returns nil, and may be called again.
func (s *Store) Close() error {
	s.sweeper.Stop()
	return nil
}

// open makes the folders, or only looks whether there are any, and refuses those that
// others may change.
func (s *Store) open() error {
	if !s.opts.onlyOpen {
		return s.makeFolders()
	}
	if info, err := os.Stat(s.sessions); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: %s is no folder of a store of files", storeurl.ErrNoStore, s.dir)
	}
	return s.check()
}

// check refuses folders that others may change.
func (s *Store) check() error {
	if s.opts.TrustFolder {
		return nil
	}
	return folder.CheckStore(s.dir, folder.CheckOuter, s.folders()[1:]...)
}

// folders returns the paths of the folders that every store has, outer ones first.
func (s *Store) folders() []string {
	list := []string{s.dir, s.sessions, s.owners, filepath.Join(s.dir, "locks")}
	for i := range filelock.Count {
		shard := hex.EncodeToString([]byte{byte(i)})
		list = append(list, filepath.Join(s.sessions, shard), filepath.Join(s.owners, shard))
	}
	return list
}

// makeFolders makes the folders that are missing.
func (s *Store) makeFolders() error {
	made, err := folder.MakeAll(s.folders(), s.check)
	for _, path := range []string{s.sessions, s.owners, s.dir, filepath.Dir(s.dir)} {
		if made && err == nil {
			err = s.syncFolder(path)
		}
	}
	return err
}

func failed(op string, err error) error { return folder.Failed("filestore", op, err) }

const separator = string(filepath.Separator)

// path returns the path of a record's file.
func (s *Store) path(name string) string {
	return s.sessions + separator + folder.Shard(name) + separator + name
}
