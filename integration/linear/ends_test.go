package linear

import (
	"context"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store"
)

// ends are what the managers of a run tell of sessions that have ended.
type ends struct {
	mu   sync.Mutex
	told map[string]int // by public ID
}

// newEnds returns ends to be checked when the test is over: none is told of a session that lives,
// and none twice, unless the store leaves open what happened: two managers may each tell then.
func newEnds(t *testing.T, s store.Store, faults bool) *ends {
	e := &ends{told: map[string]int{}}
	t.Cleanup(func() {
		m, err := cloakroom.New(s, cloakroom.Options{})
		if err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		for info, err := range m.All(context.Background()) {
			if err != nil {
				if !faults {
					t.Error(err)
				}
				break
			}
			if e.told[info.ID] > 0 {
				t.Error("a session lives whose end was told")
			}
		}
		for _, n := range e.told {
			if n > 1 && !faults {
				t.Errorf("the end of a session was told %d times", n)
			}
		}
		t.Logf("%d ends were told", len(e.told))
	})
	return e
}

// manager returns a node that is a manager of its own in this process, and tells of ends.
func (e *ends) manager(t *testing.T, s store.Store) node {
	return managerOf(t, s, cloakroom.Options{Events: func(_ context.Context, ev event.Event) {
		if ev.Kind == event.Ended {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.told[ev.Session]++
		}
	}})
}
