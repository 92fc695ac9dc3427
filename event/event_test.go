package event

import (
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for k := Created; k <= DeadTicket; k++ {
		if k.String() == "" || strings.Contains(k.String(), "unknown") {
			t.Errorf("kind %d is called %q", k, k)
		}
	}
	for r := SignedOut; r <= Damaged; r++ {
		if r.String() == "" || strings.Contains(r.String(), "unknown") {
			t.Errorf("reason %d is called %q", r, r)
		}
	}
	for o := OpLoad; o <= OpTouch; o++ {
		if o.String() == "" || strings.Contains(o.String(), "unknown") {
			t.Errorf("operation %d is called %q", o, o)
		}
	}
	if Kind(0).String() != "unknown" || Kind(200).String() != "unknown" || Reason(200).String() != "unknown" {
		t.Error("what does not exist has a name")
	}
	if Actor(t.Context()) != "" || Actor(WithActor(t.Context(), "ann")) != "ann" {
		t.Error("the actor is another")
	}
}
