package engine

import "sync"

// deletions remembers which records this process has ended, and of which it tried to,
// when the store left open whether that happened: the latest, in bounded room.
type deletions struct {
	mu     sync.Mutex
	latest map[string]bool // done, or false while it is open
	before map[string]bool // those that came before the latest
}

const deletionsKept = 4096

// note takes down a deletion. One that is done stays so.
func (d *deletions) note(id string, done bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.latest == nil || len(d.latest) >= deletionsKept/2 {
		d.before, d.latest = d.latest, make(map[string]bool)
	}
	d.latest[id] = done || d.latest[id] || d.before[id]
}

// settle is for a record that is gone: it reports whether it was open that it had been
// deleted, which it is not any more.
func (d *deletions) settle(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, noted := d.latest[id]
	_, earlier := d.before[id]
	if !noted && !earlier || d.latest[id] || d.before[id] {
		return false
	}
	delete(d.before, id)
	d.latest[id] = true
	return true
}
