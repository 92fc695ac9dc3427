package cachelibstore

import "testing"

// Sessions are told by the length of their names, and the counters are none.
func TestKind(t *testing.T) {
	for name, want := range map[string]Hash{
		SHA256.name("session:x"):           SHA256,
		MD5.name("session:x"):              MD5,
		SHA256.name(counterName):           Detect,
		MD5.name(counterName):              Detect,
		SHA256.name("x")[1:]:               Detect,
		"tmpabcd" + tempSuffix:             Detect,
		"D41D8CD98F00B204E9800998ECF8427E": Detect,
		"":                                 Detect,
	} {
		if got := kind(name); got != want {
			t.Errorf("%q is of %v, want %v", name, got, want)
		}
	}
}
