// Package rawfile has files without what an [os.File] does for pipes and sockets, which costs a small regular file more
// system calls than its reading: a method is one system call here, where the system allows it.
package rawfile

import "errors"

// Open opens a file for reading.
func Open(path string) (File, error) { return open(path, forReading) }

// OpenToWrite opens a file that is there for reading and writing. It is not truncated.
func OpenToWrite(path string) (File, error) { return open(path, forWriting) }

// Create makes a file for writing that only its user may read and write, whatever the umask. It
// is an error if there is something of that name.
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

// Exchange makes the file from the file of the name to, as [Replace] does, and what had that name before keeps the name
// from. It reports whether it did: many systems cannot.
//
// Some file systems, ext4 among them, answer a Replace by starting to write the file to the disk at once, which takes
// them ten times longer than all else. An Exchange is not so answered, so it gives no more hope
// than the bare words say: after a power failure the file may be empty.
func Exchange(from, to string) bool { return exchange(from, to) }
