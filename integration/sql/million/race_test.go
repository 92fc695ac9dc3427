//go:build race

package million

import "testing"

func TestMillion(t *testing.T) {
	t.Skip("it measures, so it runs without the race detector: go test ./sql/million")
}
