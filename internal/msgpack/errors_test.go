package msgpack

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

type grumpy struct{ N int }

func (g grumpy) MarshalText() ([]byte, error) { return nil, fmt.Errorf("secret %d", g.N) }
func (g *grumpy) UnmarshalText(text []byte) error {
	return fmt.Errorf("secret %s: %w", text, errSecret)
}

var errSecret = errors.New("secret")

// TestErrorsHoldNoData: a value never gets into a message, not even by way of
// a type's own methods.
func TestErrorsHoldNoData(t *testing.T) {
	b := AppendString(nil, "hunter2")
	for _, v := range []any{new(int), new([]byte), new(grumpy), new(big.Int), new(map[string]int), new(time.Time)} {
		err := Unmarshal(b, v, Limits{})
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret") {
			t.Errorf("into %T: %v", v, err)
		}
	}
	if err := Unmarshal(b, new(grumpy), Limits{}); !errors.Is(err, errSecret) || !errors.Is(err, ErrMarshaler) {
		t.Errorf("the cause is lost: %v", err)
	}
	if _, err := Append(nil, grumpy{7}, Limits{}); !errors.Is(err, ErrMarshaler) || strings.Contains(err.Error(), "7") {
		t.Errorf("Append: %v", err)
	}
}
