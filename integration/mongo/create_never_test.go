package mongo

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// create=never names a collection that is missing, and makes none.
func TestNoCollectionIsMade(t *testing.T) {
	rawURL := place(t, given(t))
	never := with(t, rawURL, "create", "never")
	for range 2 {
		if _, _, err := mongostore.Open(t.Context(), never); !errors.Is(err, storeurl.ErrNoStore) {
			t.Fatalf("without a collection: %v", err)
		}
	}
	hour := time.Now().Add(time.Hour)
	if _, err := open(t, rawURL).Create(t.Context(), "id", store.Record{Data: []byte("x"), Expires: hour, Deadline: hour}); err != nil {
		t.Fatal(err)
	}
	_, closer, err := mongostore.Open(t.Context(), never)
	if err != nil {
		t.Fatalf("with a collection: %v", err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}
