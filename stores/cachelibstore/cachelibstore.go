// Package cachelibstore keeps sessions in the files of Python's cachelib.FileSystemCache, which is where
// Flask-Session's types "filesystem" and "cachelib" keep theirs, so that both can use one folder.
//
// A file is named by the hash of the prefix and the id. It holds the expiry, four bytes in the byte order of
// the machine, and a pickled dict, whatever Flask-Session's serialization format is. The store turns documents
// into such dicts and back. What Python put there keeps its type for as long as nobody sets that value anew: a
// set stays a set, although Go sees an array. A value that MessagePack cannot hold, such as an int beyond 64 bits, is
// an extension in what Load returns, and is likewise kept. Nothing that a pickle names is executed. A session with
// objects in it reads as no session, is reported to the logger by the class's name and the file's path only, and stays.
//
// Between processes that use this package, every change is exact: writers take the lock of the session's shard,
// one of 256, in the folder ".cloakroom.__wz_cache", which cachelib takes for one of its temporary files. Python
// takes no lock, and writes without looking at what is there: it may overwrite a change that was made since it
// read the session, and bring a session back that was deleted meanwhile. Neither side can prevent that with this layout.
//
// Python removes sessions of its own accord: over its threshold of 500 files, by default, it deletes live ones,
// those that expire first. This store never does. It keeps the counter by which Python decides that, where
// there is one. Give Python a threshold of 0 to end both.
//
// The store sweeps; call Sweep now and then, since nothing else removes expired files for good. It can neither list
// nor find sessions by owner, since a file does not tell whose or which it is. Expiries are in whole seconds, rounded
// up, and end in 2106. A touch is not synced.
package cachelibstore

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/filelock"
)

// Hash is how files are named.
type Hash uint8

const (
	// Detect finds out when the store is opened: by cachelib's counter, else by the names of the files
	// that are there, else it is SHA256. The package documentation of cachelib calls it hash_method.
	Detect Hash = iota
	// SHA256 is what cachelib uses from 0.16 on, unless it is told otherwise.
	SHA256
	// MD5 is what cachelib used before.
	MD5
)

// DefaultPrefix is what is put before every id, as by Flask-Session's SESSION_KEY_PREFIX.
const DefaultPrefix = "session:"

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Hash is how files are named. The default is Detect.
	Hash Hash

	// Logger gets the warnings about files that cannot be read. The default is slog.Default().
	Logger *slog.Logger

	// Mode is the files' mode. The default is 0600, and what others may not do follows the umask
	// never.
	Mode fs.FileMode

	// NoPrefix makes Prefix empty.
	NoPrefix bool

	// NoSync leaves it to the operating system when records reach the disk, as Python does. Writes are then
	// many times faster, and a power failure may lose the latest ones, deletions among them.
	NoSync bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// Prefix is put before every id. The default is [DefaultPrefix].
	Prefix string
}

// What cachelib calls its own files.
const (
	tempSuffix  = ".__wz_cache"
	counterName = "__wz_cache_count"
	lockFolder  = ".cloakroom" + tempSuffix
)

// Store is a [cloakroom.Store] in the files of a FileSystemCache. Make one with [New] or [NewWith]. It is safe
// for concurrent use and holds no open files between calls, so there is nothing to close.
type Store struct {
	dir   string
	opts  Options
	locks *filelock.Set

	mu       sync.Mutex
	reported map[string]bool // files that were reported
}

var _ cloakroom.Sweeper = (*Store)(nil)

// New returns a store in the folder dir, which is made if it is missing.
func New(dir string) (*Store, error) { return NewWith(dir, Options{}) }

// NewWith is [New] with options.
func NewWith(dir string, opts Options) (*Store, error) {
	if dir == "" {
		return nil, errors.New("cachelibstore: dir is empty")
	}
	if opts.Hash > MD5 {
		return nil, fmt.Errorf("cachelibstore: Options.Hash is %d, which is none", opts.Hash)
	}
	if opts.Mode&^fs.ModePerm != 0 {
		return nil, fmt.Errorf("cachelibstore: Options.Mode is %v, want permissions alone", opts.Mode)
	}
	if opts.Prefix != "" && opts.NoPrefix {
		return nil, errors.New("cachelibstore: Options.Prefix and Options.NoPrefix are both set")
	}
	abs, err := filepath.Abs(dir) // so that a later chdir does not matter
	if err != nil {
		return nil, fmt.Errorf("cachelibstore: open: %w", err)
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
	if err := os.MkdirAll(filepath.Join(abs, lockFolder), 0o700); err != nil {
		return nil, fmt.Errorf("cachelibstore: open: %w", err)
	}
	if opts.Hash == Detect {
		if opts.Hash, err = detect(abs); err != nil {
			return nil, fmt.Errorf("cachelibstore: open: %w", err)
		}
	}
	locks := filelock.NewSet(filepath.Join(abs, lockFolder))
	return &Store{dir: abs, opts: opts, locks: locks, reported: map[string]bool{}}, nil
}

// Hash returns how files are named: SHA256 or MD5.
func (s *Store) Hash() Hash { return s.opts.Hash }

// name returns the name of the file of a key.
func (h Hash) name(key string) string {
	if h == MD5 {
		sum := md5.Sum([]byte(key))
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// isName reports whether name may be that of a session.
func (h Hash) isName(name string) bool {
	b, err := hex.DecodeString(name)
	size := sha256.Size
	if h == MD5 {
		size = md5.Size
	}
	return err == nil && len(b) == size && name == hex.EncodeToString(b) && name != h.name(counterName)
}

// detect finds out how the files of a folder are named.
func detect(dir string) (Hash, error) {
	var newest time.Time
	found := Detect
	for _, h := range []Hash{SHA256, MD5} {
		info, err := os.Stat(filepath.Join(dir, h.name(counterName)))
		if err == nil && info.ModTime().After(newest) {
			found, newest = h, info.ModTime()
		}
	}
	if found != Detect {
		return found, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return Detect, err
	}
	defer f.Close()
	for {
		names, _ := f.Readdirnames(100) // an error is its end
		for _, name := range names {
			for _, h := range []Hash{SHA256, MD5} {
				if h.isName(name) {
					return h, nil
				}
			}
		}
		if len(names) == 0 {
			return SHA256, nil
		}
	}
}

func (s *Store) path(id string) string {
	return filepath.Join(s.dir, s.opts.Hash.name(s.opts.Prefix+id))
}

// lock takes the lock of the shard that a file belongs to.
func (s *Store) lock(ctx context.Context, path string) (unlock func(), err error) {
	b, err := hex.DecodeString(filepath.Base(path)[:2])
	if err != nil {
		return nil, err
	}
	return s.locks.Lock(ctx, b[0])
}

// failed says which operation failed. Its paths are hashes, and its errors hold no data.
func failed(op string, err error) error {
	switch {
	case err == nil, errors.Is(err, cloakroom.ErrNotFound), errors.Is(err, cloakroom.ErrConflict), errors.Is(err, cloakroom.ErrExists):
		return err
	}
	return fmt.Errorf("cachelibstore: %s: %w", op, err)
}

// refused marks an error that came before anything was written: a full disk is then ErrFull.
func refused(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", cloakroom.ErrFull, err)
	}
	return err
}

// report logs that a file cannot be read, once.
func (s *Store) report(ctx context.Context, path string, why error) {
	s.mu.Lock()
	known := s.reported[path]
	if len(s.reported) >= 1000 { // a bound, not a promise to remember
		clear(s.reported)
	}
	s.reported[path] = true
	s.mu.Unlock()
	if !known {
		s.opts.Logger.WarnContext(ctx, "cachelibstore: a file that cannot be read is no session", "path", path, "reason", why)
	}
}

func (s *Store) repaired(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reported, path)
}
