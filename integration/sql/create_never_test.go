package sql

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// create=never makes no table, and names the store that is missing.
func TestNoTableIsMade(t *testing.T) {
	onAll(t, func(t *testing.T, rawURL string) {
		for range 2 {
			if _, err := tryOpen(t, rawURL, "table=not_there", "create=never"); !errors.Is(err, storeurl.ErrNoStore) {
				t.Errorf("without a table: %v", err)
			}
		}
		open(t, rawURL, "table=not_there")
		if _, err := tryOpen(t, rawURL, "table=not_there", "create=never"); err != nil {
			t.Errorf("with a table: %v", err)
		}
	})
}
