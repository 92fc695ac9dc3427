package linear

import (
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

// What happens to all sessions at once, and is noted in the history of each.

// jump has do change the time, so that sessions may expire or not.
func (r *run) jump(do func()) { r.perhapsAll(expire, do) }

// rewind has do lose what was acknowledged last, of any session.
func (r *run) rewind(do func()) { r.perhapsAll(rewind, do) }

// perhapsAll has do what may happen to any session, from its beginning on.
func (r *run) perhapsAll(k kind, do func()) {
	begin := r.now()
	do()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.histories {
		h.add(perhaps(k, begin))
	}
}

// wipe has do remove all that the store has, and notes for every session that it is gone.
func (r *run) wipe(do func()) {
	r.mu.Lock()
	before := slices.Clone(r.histories)
	when := interval{begin: r.now()}
	r.wiped = append(r.wiped, interval{when.begin, math.MaxInt64})
	r.mu.Unlock()
	do()
	r.mu.Lock()
	defer r.mu.Unlock()
	when.end = r.now()
	r.wiped[len(r.wiped)-1] = when
	for i, h := range r.histories {
		if i < len(before) {
			h.add(over(surely(wipe, when), when.end))
		} else {
			h.add(over(perhaps(wipe, when.begin), when.end))
		}
	}
}

// over gives a loss its end, which [tear] wants to know also where it may have happened
// at any time.
func over(op porcupine.Operation, end int64) porcupine.Operation {
	op.Input = input{kind: wipe, until: end}
	return op
}
