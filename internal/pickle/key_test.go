package pickle_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// Keys are equal as they are in Python.
func TestKeys(t *testing.T) {
	d := &pickle.Dict{}
	for _, key := range []pickle.Value{int64(1), true, 1.0, "1", pickle.Bytes("1"), nil, 1.5, pickle.Tuple{int64(1)}, pickle.Tuple{1.0}, big.NewInt(1), math.NaN(), math.NaN()} {
		if err := d.Set(key, describe(key)); err != nil {
			t.Fatal(err)
		}
	}
	want := `{i1:s6931,s31:s733331,b31:s623331,None:s4e6f6e65,` // and on
	if got := describe(d); !strings.HasPrefix(got, want) || len(d.Keys) != 8 {
		t.Errorf("%d keys: %s", len(d.Keys), got)
	}
	if v, ok := d.Get("1"); !ok || v != "s31" {
		t.Errorf("Get returned %v, %v", v, ok)
	}
}
