package linear

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// losing is the model of a store that may lose, at each rewind in the history, the latest
// of what it acknowledged, and nothing else: Redis when a replica takes over that lagged
// behind. It is for histories without sign-ins, whose two records can be lost one by one.
var losing = func() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{remembering{}} },
		Step: func(state, in, out any) []any {
			return state.(remembering).step(in.(input), out.(output))
		},
		Equal: func(a, b any) bool {
			x, y := a.(remembering), b.(remembering)
			return x.now == y.now && slices.Equal(x.past, y.past)
		},
		DescribeOperation: func(in, out any) string { return describe(in.(input), out.(output)) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return m.ToModel()
}()

// remembering is a session with all its former states.
type remembering struct {
	now  session
	past []session
}

func (r remembering) step(in input, out output) []any {
	if in.kind == rewind {
		// at worst the session was not there yet
		states := []any{r, remembering{now: session{ended: true}}}
		for i, before := range r.past {
			states = append(states, remembering{before, r.past[:i:i]})
		}
		return states
	}
	ok, next := step(r.now, in, out)
	switch {
	case !ok:
		return nil
	case next == r.now:
		return []any{r}
	}
	return []any{remembering{next, append(r.past[:len(r.past):len(r.past)], r.now)}}
}
