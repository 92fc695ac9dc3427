package mongostore

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/cloakroom-go/cloakroom/store"
)

// TestFailed: what the server says is told apart, and shortened.
func TestFailed(t *testing.T) {
	long := strings.Repeat("x", 500) + "\nsecond line"
	write := func(code int) error {
		return mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: code, Message: "refused", Details: bson.Raw("document")}}}
	}
	network := errors.New("connection reset")
	for _, tt := range []struct {
		err  error
		is   error
		want string
	}{
		{write(14031), store.ErrFull, "error 14031: refused"},
		{write(10334), store.ErrTooLarge, "error 10334: refused"},
		{write(121), store.ErrRefused, "error 121: refused"},
		{write(10107), store.ErrRefused, "error 10107: refused"},
		{mongo.CommandError{Code: 10107, Name: "NotWritablePrimary", Message: "not primary"}, store.ErrRefused, "NotWritablePrimary"},
		// it may have begun
		{mongo.CommandError{Code: 11602, Name: "InterruptedDueToReplStateChange"}, nil, "error 11602"},
		{mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 10107}}, nil, "error 10107"},
		{mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64, Message: "waited"}}, nil, "mongostore: op: write concern: error 64: waited"},
		{mongo.CommandError{Code: 13, Name: "Unauthorized", Message: long}, store.ErrRefused, "error 13 (Unauthorized): " + long[:200] + "..."},
		{mongo.CommandError{Message: "gone", Wrapped: network}, network, "gone"},
		{context.Canceled, context.Canceled, "mongostore: op: context canceled"},
	} {
		got := failed("op", tt.err)
		if !strings.Contains(got.Error(), tt.want) || strings.Contains(got.Error(), "document") || strings.Contains(got.Error(), "second") {
			t.Errorf("%q, want %q", got, tt.want)
		}
		if tt.is != nil && !errors.Is(got, tt.is) {
			t.Errorf("%q is not %v", got, tt.is)
		}
		for _, s := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrTooLarge, store.ErrFull, store.ErrRefused} {
			if errors.Is(got, s) && s != tt.is {
				t.Errorf("%q is %v", got, s)
			}
		}
	}
}
