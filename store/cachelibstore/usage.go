package cachelibstore

import (
	"os"
	"path/filepath"
	"time"
)

// usage is how Python was seen to use the folder: the names and the form of its files.
type usage struct {
	hash Hash
	form form
	at   time.Time // when it wrote such a file
}

// noticed is what is known about how the folder is used.
type noticed struct {
	python usage // by what Python wrote last
	others usage // by what may be of this package, or has a form that is not known

	listed  time.Time     // when the folder was last listed,
	took    time.Duration // how long that took,
	changed time.Time     // and when the folder had last changed before
}

const (
	maxListed = 10_000 // files that are looked at in a listing
	// rest is how many times as long as a listing took passes before the next.
	rest = 20
)

// byPython reports whether Python wrote a file that changed at this time. This package
// gives its sessions' files times of whole seconds. Where a file system has no others,
// only cachelib's counter tells.
func byPython(changed time.Time) bool { return changed.Nanosecond() != 0 }

// ours returns the time that this package gives a file that it writes now.
func ours() time.Time { return time.Now().Truncate(time.Second) }

// changedNow returns the time of a file that this package writes now in the place of
// another. That of Python's stays where the name does: it may be all that tells how
// Python names its files.
func changedNow(before *file, to place) time.Time {
	if before != nil && before.place == to && byPython(before.changed) {
		return before.changed
	}
	return ours()
}

// usage returns what to do as Python does. If Python was never seen, it is what the
// files are like, or what the newest version of cachelib does.
func (s *Store) usage() usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.noticed.python
	if u.at.IsZero() {
		u = s.noticed.others
	}
	switch {
	case s.opts.Hash != Detect:
		u.hash = s.opts.Hash
	case u.hash == Detect:
		u.hash = SHA256
	}
	return u
}

// Hash returns how files are named that are written now: SHA256 or MD5. With [Detect],
// it is how Python named the file that it wrote last, as far as this store knows: it
// looks at cachelib's counters before each write, at each file that it reads, and now
// and then, when a session is created, at up to 10,000 files.
func (s *Store) Hash() Hash { return s.usage().hash }

// notice takes note of a file.
func (s *Store) notice(u usage, python bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if python && u.at.After(s.noticed.python.at) {
		s.noticed.python = u
	}
	if !python && u.at.After(s.noticed.others.at) {
		s.noticed.others = u
	}
}

// isNews reports whether to look at a file that changed at this time.
func (s *Store) isNews(changed time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if byPython(changed) {
		return changed.After(s.noticed.python.at)
	}
	return changed.After(s.noticed.others.at)
}

// lookAtCounters notices what Python has started since. The counters keep their time
// when this package writes them.
func (s *Store) lookAtCounters() {
	for _, h := range []Hash{SHA256, MD5} {
		if !s.uses(h) {
			continue
		}
		path := s.counter(h)
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		s.mu.Lock()
		news := info.ModTime().After(s.noticed.python.at)
		s.mu.Unlock()
		if news {
			s.notice(usage{h, formOf(path), info.ModTime()}, true)
		}
	}
}

func (s *Store) counter(h Hash) string { return filepath.Join(s.dir, h.name(counterName)) }

// lookAround lists the folder if it changed since the last time, and if that took less
// than a twentieth of the time that has passed.
func (s *Store) lookAround() error {
	start := time.Now()
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	n := &s.noticed
	due := !info.ModTime().Equal(n.changed) && start.Sub(n.listed) >= rest*n.took
	if due {
		n.listed, n.changed = start, info.ModTime()
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	err = s.list()
	s.mu.Lock()
	defer s.mu.Unlock()
	n.took = time.Since(start)
	return err
}

// list looks for the newest session.
func (s *Store) list() error {
	f, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	for looked := 0; looked < maxListed; {
		names, _ := f.Readdirnames(100) // an error is its end
		if len(names) == 0 {
			return nil
		}
		for _, name := range names {
			looked++
			h := kind(name)
			if !s.uses(h) {
				continue
			}
			path := filepath.Join(s.dir, name)
			info, err := os.Lstat(path)
			if err == nil && info.Mode().IsRegular() && s.isNews(info.ModTime()) {
				s.notice(usage{h, formOf(path), info.ModTime()}, byPython(info.ModTime()))
			}
		}
	}
	return nil
}
