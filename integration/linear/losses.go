package linear

import (
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

// What happens to all sessions at once stands in the history of each.

// jump calls do, which changes the time: any session may expire.
func (r *run) jump(do func()) { r.perhapsAll(expire, do) }

// rewind calls do, which may lose the latest writes of any session.
func (r *run) rewind(do func()) { r.perhapsAll(rewind, do) }

// perhapsAll calls do and notes what it may have done to any session so far.
func (r *run) perhapsAll(k kind, do func()) {
	begin := r.now()
	do()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.histories {
		h.add(perhaps(k, begin))
	}
}

// wipe calls do, which removes all that the store has, and notes that every session is
// gone.
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

// over gives a loss its end, which [tear] needs also where the loss may have happened at
// any time.
func over(op porcupine.Operation, end int64) porcupine.Operation {
	op.Input = input{kind: wipe, until: end}
	return op
}
