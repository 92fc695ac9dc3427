package mongostore

import (
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestTooLarge(t *testing.T) {
	s, err := New(nowhere(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	large := store.Record{Data: make([]byte, MaxRecord+1)}
	_, create := s.Create(t.Context(), "id", large)
	_, replace := s.Replace(t.Context(), "id", store.Record{}, large)
	_, both := s.Replace(t.Context(), "id", large, store.Record{Data: large.Data[1:]})
	for _, err := range []error{create, replace, both} {
		if !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%v, want ErrTooLarge", err)
		}
	}
}

// TestStatementFits: the largest statement is one that MongoDB takes, with the longest
// prefix and id.
func TestStatementFits(t *testing.T) {
	s, err := New(nowhere(t), Options{Prefix: strings.Repeat("p", maxPrefix)})
	if err != nil {
		t.Fatal(err)
	}
	r := store.Record{Data: make([]byte, MaxRecord), Owner: strings.Repeat("0", 64)}
	statement, err := bson.Marshal(bson.D{
		{Key: "q", Value: s.exactly(strings.Repeat("i", 255), r)}, {Key: "u", Value: update(r)}, {Key: "multi", Value: true}, {Key: "upsert", Value: true},
	})
	if err != nil || len(statement) > 16<<20 {
		t.Errorf("it has %d bytes, more than 16 MB; %v", len(statement), err)
	}
}
