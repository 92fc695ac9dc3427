package dynamodbstore

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// TestRefused: what DynamoDB says that did nothing is told apart from what it may have done.
func TestRefused(t *testing.T) {
	s, server := scripted(t)
	for code, want := range map[string]bool{
		"ResourceNotFoundException": true, "AccessDeniedException": true, "UnrecognizedClientException": true, "ExpiredTokenException": true,
		"ValidationException": true, "ThrottlingException": true, "TransactionInProgressException": false,
	} {
		for operation, write := range writes(s) {
			if code == "ThrottlingException" && operation != "PutItem" {
				continue // each is tried again for seconds
			}
			server.set(operation, refuse(code, "no"))
			if err := write(t.Context()); err == nil || errors.Is(err, store.ErrRefused) != want {
				t.Errorf("%s: %s: %v, refused is %v", operation, code, err, want)
			}
			server.set(operation)
		}
	}
	for _, answer := range []reply{broken, {500, `{"__type":"InternalServerError"}`}, {503, ""}} {
		for operation, write := range writes(s) {
			server.set(operation, answer)
			if err := write(t.Context()); err == nil || errors.Is(err, store.ErrRefused) {
				t.Errorf("%s: %v: %v", operation, answer, err)
			}
			server.set(operation)
		}
	}
}

// TestDamagedItem: an item that is none of ours under a session's id is a damaged
// record, not a missing one.
func TestDamagedItem(t *testing.T) {
	s, server := scripted(t)
	for _, val := range []string{``, `"val":{"S":"text"},`, `"val":{"NULL":true},`} {
		it := `{"id":{"S":"session:a"},` + val + `"expiration":{"N":"99999999999"}}`
		server.set("GetItem", fine(`{"Item":`+it+`}`))
		if _, err := s.Load(t.Context(), "a"); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("load %s: %v", it, err)
		}
		unmet := reply{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":` + it + `}`}
		server.set("UpdateItem", unmet)
		if err := s.Touch(t.Context(), "a", store.Record{}, time.Now()); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("touch %s: %v", it, err)
		}
		server.set("DeleteItem", unmet)
		r := store.Record{Data: []byte("data"), Version: version([]byte("data"))}
		if err := s.Delete(t.Context(), "a", r); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("delete %s: %v", it, err)
		}
	}
}
