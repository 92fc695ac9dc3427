package growth

import (
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// TestMeasure goes through all that is measured, at sizes that say nothing.
func TestMeasure(t *testing.T) {
	for _, store := range Stores() {
		t.Run(store, func(t *testing.T) {
			var results measure.Results
			p := Plan{Store: store, Sizes: []int{10, 300}, Acts: []measure.Act{measure.Read, measure.Write}, Rounds: 1, Each: 5 * time.Millisecond, Expired: 20}
			g, err := Measure(t, p, &results)
			if err != nil {
				t.Fatal(err)
			}
			for _, act := range []measure.Act{measure.Read, measure.Write} {
				if _, ok := results.Ratio(Key(store, act, 300), Key(store, act, 10), true); !ok {
					t.Errorf("there is no ratio of %s", act)
				}
			}
			if g.Bytes[300] <= Payload {
				t.Errorf("%.0f bytes a session, of which the value has %d", g.Bytes[300], Payload)
			}
			if g.Sweeping != nil && g.Sweeping.Removed != p.Expired {
				t.Errorf("swept %d records, want %d", g.Sweeping.Removed, p.Expired)
			}
			t.Logf("%v %+v", g.Bytes, g.Sweeping)
		})
	}
}

func TestOverhead(t *testing.T) {
	got, err := Overhead(t.Context(), 20000)
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%.0f bytes beyond the data", got); got < 64 || got > 400 {
		t.Errorf("%.0f bytes a record beyond its data", got)
	}
}
