package mongo

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
)

// TestDemo runs the checks of the demo's promises. Both processes go through one proxy.
func TestDemo(t *testing.T) {
	rawURL := given(t)
	demotest.Check(t, demotest.Store{
		URL:    func(t testing.TB) string { return place(t, rawURL) },
		Shared: true, Durable: true, Lists: true,
	})
}
