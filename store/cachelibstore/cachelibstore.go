// Package cachelibstore keeps sessions in the files of Python's
// cachelib.FileSystemCache, which is where Flask-Session's types "filesystem" and
// "cachelib" keep theirs, so that both can use one folder.
//
// A file is named by the hash of the prefix and the id: MD5 before cachelib 0.16,
// SHA-256 from then on. It holds the expiry, four bytes in the byte order of the
// machine, and a pickled dict, whatever Flask-Session's serialization format is. The
// store turns documents into such dicts and back. What Python put there keeps its type
// for as long as nothing sets that value anew: a set stays a set, although Go sees an
// array. A value that MessagePack cannot hold, such as an int beyond 64 bits, is an
// extension in what Load returns, and is likewise kept. Nothing that a pickle names is
// executed.
//
// The files of cachelib 0.1 to 0.6, whose expiry is a pickle too, and those of its
// JSONSerializer are read and written as well: a session's values stay in the form that
// they have, and a new session is written as Python wrote its latest. Files of any
// other serializer cannot be read.
//
// By default the store follows Python from one version to the next, while it runs too.
// It finds a session under either name, and writes it under the name that Python uses
// now, so that Python finds it. See [Store.Hash]. While Python's processes of both
// kinds write to one folder, they do not find each other's sessions, and this store
// takes for live what the one that wrote last would find.
//
// A session in a file that cannot be read is [store.ErrUnreadable], is reported to the
// logger by the file's path and the reason only, and stays until it is deleted or
// expires. What is no regular file, such as a pipe or a folder, is no session, and is
// reported likewise.
//
// A folder that others may change is refused, see [Options.TrustFolder]. Where the
// folder or what is in it is removed while the store is in use, the sessions have
// ended, and what is missing is made anew with the next write, with the folder's mode.
// Python does not do so before it is started again.
//
// Between processes that use this package, every change is exact: writers take the
// locks of the session's names, of 256, in the folder ".cloakroom.__wz_cache", which
// cachelib takes for one of its temporary files. Python takes no lock, and writes
// without looking at what is there: it may overwrite a change that was made since it
// read the session, and bring a session back that was deleted meanwhile. Neither side
// can prevent that with this layout.
//
// Python removes sessions of its own accord: over its threshold of 500 files, by
// default, it deletes live ones, those that expire first. This store never does. It
// keeps the counter by which Python decides that, where there is one. Give Python a
// threshold of 0 to end both.
//
// The store sweeps; call Sweep now and then, since nothing else removes expired files
// for good. It can neither list nor find sessions by owner, since a file does not tell
// whose or which it is. Expiries are in whole seconds, rounded up, and end in 2106. A
// touch is not synced. The files that this store writes have times of whole seconds.
package cachelibstore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/filelock"
	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

// DefaultPrefix is what is put before every id, as by Flask-Session's SESSION_KEY_PREFIX.
const DefaultPrefix = "session:"

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Hash is how files are named. The default is Detect. With another, files of other
	// names are none.
	Hash Hash

	// Logger gets the warnings about files that cannot be read. The default is slog.Default().
	Logger *slog.Logger

	// Mode is the files' mode. The default is 0600, and what others may not do follows
	// the umask never.
	Mode fs.FileMode

	// NoPrefix makes Prefix empty.
	NoPrefix bool

	// NoSync leaves it to the operating system when records reach the disk, as Python
	// does. Writes are then many times faster, and a power failure may lose the latest
	// ones, deletions among them.
	NoSync bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// Pickles makes Load return a session as it was pickled, for a manager of package
	// flask, which reads pickles itself. So Python's types stay also where a session
	// gets another id, at a sign-in. The default is a document.
	Pickles bool

	// Prefix is put before every id. The default is [DefaultPrefix].
	Prefix string

	// TrustFolder says that others may change what is in the folder, such as Python's
	// processes under another user, and so sign in as anyone, or make Python run what a
	// pickle says. Without it, opening fails with an error that names the path where the
	// folder is a symbolic link, belongs to another user than this process's and root,
	// or may be written by its group, unless that is root's, or by everyone. It fails
	// too where everyone may write a folder above, unless that has the sticky bit, as
	// /tmp has. Windows has no such check.
	TrustFolder bool

	onlyOpen bool // make no folder: there must be files of cachelib
}

// What cachelib calls its own files.
const (
	tempSuffix  = ".__wz_cache"
	counterName = "__wz_cache_count"
	lockFolder  = ".cloakroom" + tempSuffix
)

// Store is a [store.Store] in the files of a FileSystemCache. Make one with [New]. It is safe
// for concurrent use and holds no open files between calls, so there is nothing to close.
type Store struct {
	dir        string
	mode       fs.FileMode // of the folder
	opts       Options
	locks      *filelock.Set
	unreadable *folder.Report

	mu      sync.Mutex
	noticed noticed
}

var _ store.Sweeper = (*Store)(nil)

// New returns a store in the folder dir, which is made if it is missing.
func New(dir string, opts Options) (*Store, error) {
	if dir == "" {
		return nil, errors.New("cachelibstore: dir is empty")
	}
	if opts.Hash > MD5 {
		return nil, fmt.Errorf("cachelibstore: Options.Hash is %d, which is none", opts.Hash)
	}
	if opts.Mode&^fs.ModePerm != 0 {
		return nil, fmt.Errorf("cachelibstore: Options.Mode is %v, want permissions", opts.Mode)
	}
	if opts.Prefix != "" && opts.NoPrefix {
		return nil, errors.New("cachelibstore: Options.Prefix and Options.NoPrefix are both set")
	}
	abs, err := filepath.Abs(dir) // so that a later chdir does not matter
	if err != nil {
		return nil, failed("open", err)
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Mode == 0 {
		opts.Mode = 0o600
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Prefix == "" && !opts.NoPrefix {
		opts.Prefix = DefaultPrefix
	}
	s := &Store{
		dir: abs, opts: opts, locks: filelock.NewSet(filepath.Join(abs, lockFolder)),
		unreadable: folder.NewReport(opts.Logger, "cachelibstore: a file cannot be read"),
	}
	if err := s.open(); err != nil {
		return nil, failed("open", err)
	}
	s.lookAtCounters()
	if err := s.lookAround(); err != nil && opts.Hash == Detect {
		return nil, failed("open", err)
	}
	return s, nil
}

func failed(op string, err error) error { return folder.Failed("cachelibstore", op, err) }
