package dynamodbstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

// Refusals of a transaction are told apart by their reasons.
func TestMoveReasons(t *testing.T) {
	s, server := scripted(t)
	cancelled := func(first, second string) reply {
		return reply{400, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[%s,%s]}`, first, second)}
	}
	const (
		none     = `{"Code":"None"}`
		unmet    = `{"Code":"ConditionalCheckFailed","Message":"x"}`
		conflict = `{"Code":"TransactionConflict"}`
		slow     = `{"Code":"ThrottlingError"}`
		other    = `{"Code":"ItemCollectionSizeLimitExceeded"}`
		live     = `{"Code":"ConditionalCheckFailed","Item":{"id":{"S":"x"},"val":{"B":"eA=="},"expiration":{"N":"99999999999"}}}`
		expired  = `{"Code":"ConditionalCheckFailed","Item":{"id":{"S":"x"},"val":{"B":"eA=="},"expiration":{"N":"1"}}}`
	)
	move := writes(s)["TransactWriteItems"]
	for _, tt := range []struct {
		answers []reply
		want    error
		sent    int
	}{
		{[]reply{fine("{}")}, nil, 1},
		{[]reply{cancelled(live, none)}, store.ErrConflict, 1},
		{[]reply{cancelled(unmet, none)}, store.ErrNotFound, 1},
		{[]reply{cancelled(expired, none)}, store.ErrNotFound, 1},
		{[]reply{cancelled(none, unmet)}, store.ErrExists, 1},
		{[]reply{cancelled(conflict, none), cancelled(slow, conflict), fine("{}")}, nil, 3},
		{[]reply{cancelled(conflict, none), cancelled(live, none)}, store.ErrConflict, 2},
	} {
		server.set("TransactWriteItems", tt.answers...)
		if err := move(t.Context()); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || server.count("TransactWriteItems") != tt.sent {
			t.Errorf("%v: sent %d times, %v, want %d and %v", tt.answers, server.count("TransactWriteItems"), err, tt.sent, tt.want)
		}
	}
	server.set("TransactWriteItems", cancelled(other, conflict))
	if err := move(t.Context()); err == nil || server.count("TransactWriteItems") != 1 {
		t.Errorf("sent %d times, %v", server.count("TransactWriteItems"), err)
	}
	server.set("TransactWriteItems", refuse("UnknownOperationException", ""))
	for range 2 {
		if err := move(t.Context()); !errors.Is(err, errors.ErrUnsupported) || server.count("TransactWriteItems") != 1 {
			t.Errorf("sent %d times, %v", server.count("TransactWriteItems"), err)
		}
	}
}
