package dynamodbstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func soon() store.Record {
	return store.Record{Data: []byte("data"), Expires: time.Now().Add(time.Hour)}
}

// writes are all calls that write, by the operation that they send.
func writes(s *Store) map[string]func(ctx context.Context) error {
	r := soon()
	r.Version = version(r.Data)
	return map[string]func(ctx context.Context) error{
		"PutItem":    func(ctx context.Context) error { _, err := s.Create(ctx, "id", soon()); return err },
		"UpdateItem": func(ctx context.Context) error { _, err := s.Replace(ctx, "id", r, soon()); return err },
		"DeleteItem": func(ctx context.Context) error { return s.Delete(ctx, "id", r) },
		"TransactWriteItems": func(ctx context.Context) error {
			_, err := s.Move(ctx, "id", r, soon(), "new", soon())
			return err
		},
	}
}

// A write whose outcome is unknown is sent once, whatever the client is set to.
func TestWritesAreNotRepeated(t *testing.T) {
	s, server := scripted(t)
	for operation, write := range writes(s) {
		for name, answer := range map[string]reply{
			"the connection breaks": broken,
			"500":                   {500, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`},
			"503":                   {503, `{"__type":"com.amazon.coral.service#ServiceUnavailableException"}`},
			"nonsense":              fine("<html>"),
			"in progress":           refuse("TransactionInProgressException", "it is"),
		} {
			server.set(operation, answer)
			err := write(t.Context())
			if err == nil || server.count(operation) != 1 {
				t.Errorf("%s, %s: sent %d times, %v", operation, name, server.count(operation), err)
			}
			for _, known := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrTooLarge} {
				if errors.Is(err, known) {
					t.Errorf("%s, %s: %v, though the outcome is unknown", operation, name, err)
				}
			}
		}
	}
	server.set("UpdateItem", broken)
	if err := s.Touch(t.Context(), "id", soon(), soon().Expires); err == nil || server.count("UpdateItem") != 1 {
		t.Errorf("Touch: sent %d times, %v", server.count("UpdateItem"), err)
	}
}

// What DynamoDB refused without writing is tried again, until it is done or the context ends.
func TestRefusalsAreRepeated(t *testing.T) {
	s, server := scripted(t)
	for operation, write := range writes(s) {
		for code := range refusals {
			no := refuse(code, "slow down")
			server.set(operation, no, no, no, no, fine("{}"))
			if err := write(t.Context()); err != nil || server.count(operation) != 5 {
				t.Errorf("%s, %s: sent %d times, %v", operation, code, server.count(operation), err)
			}
		}
		server.set(operation, refuse("ThrottlingException", "slow down"))
		ctx, cancel := context.WithCancel(t.Context())
		server.heard = func() {
			if server.count(operation) == 2 {
				cancel()
			}
		}
		if err := write(ctx); !errors.Is(err, context.Canceled) || server.count(operation) != 2 {
			t.Errorf("%s: sent %d times, %v", operation, server.count(operation), err)
		}
		server.heard = nil
		cancel()
	}
}

// Reads are repeated after whatever may pass.
func TestReadsAreRepeated(t *testing.T) {
	s, server := scripted(t)
	server.set("GetItem", broken, reply{500, `{"__type":"InternalServerError"}`}, refuse("ThrottlingException", ""), fine("{}"))
	if _, err := s.Load(t.Context(), "id"); !errors.Is(err, store.ErrNotFound) || server.count("GetItem") != 4 {
		t.Errorf("read %d times, %v", server.count("GetItem"), err)
	}
	if server.last("GetItem")["ConsistentRead"] != true {
		t.Error("a read is not strongly consistent")
	}
	server.set("GetItem", refuse("AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized"))
	if _, err := s.Load(t.Context(), "id"); err == nil || server.count("GetItem") != 1 || err.Error() != "dynamodbstore: load: the store refused: AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized" {
		t.Errorf("read %d times, %v", server.count("GetItem"), err)
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	s, server := scripted(t)
	for _, code := range []string{"InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"} {
		server.set("GetItem", refuse(code, "The Canonical String should have been 'x-amz-security-token:"+secret+"'"))
		if _, err := s.Load(t.Context(), "id"); err == nil || err.Error() != "dynamodbstore: load: the store refused: "+code {
			t.Errorf("%v", err)
		}
	}
}

// An item that is too large for attributes of others is known by the server's word alone.
func TestServerFindsItTooLarge(t *testing.T) {
	s, server := scripted(t)
	for _, message := range []string{"Item size has exceeded the maximum allowed size", "Item size to update has exceeded the maximum allowed size"} {
		server.set("UpdateItem", refuse("ValidationException", message))
		if err := writes(s)["UpdateItem"](t.Context()); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%v, want %v", err, store.ErrTooLarge)
		}
	}
	server.set("UpdateItem", refuse("ValidationException", "something else"))
	if err := writes(s)["UpdateItem"](t.Context()); err == nil || errors.Is(err, store.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

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
