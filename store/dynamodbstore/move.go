package dynamodbstore

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/cloakroom-go/cloakroom/store"
)

// Move implements [store.Mover], by a transaction. It returns [errors.ErrUnsupported] if the
// server has none, as some that speak DynamoDB's protocol.
func (s *Store) Move(
	ctx context.Context, id string, old, seal store.Record, newID string, next store.Record,
) (store.Version, error) {
	if s.withoutMoves.Load() {
		return "", errors.ErrUnsupported
	}
	if err := errors.Join(s.fits("move", id, seal), s.fits("move", newID, next)); err != nil {
		return "", err
	}
	was, err := s.content(ctx, "move", id, old)
	if err != nil {
		return "", err
	}
	err = s.index(ctx, newID, store.Record{}, next)
	if err == nil {
		err = s.index(ctx, id, old, seal)
	}
	if err != nil {
		return "", failed("move: owner index", err)
	}
	for attempt := 1; ; attempt++ {
		err = s.transact(ctx, s.replace(id, was, seal), s.create(newID, next))
		var cancelled *types.TransactionCanceledException
		switch {
		case err == nil:
			if old.Owner != seal.Owner {
				s.unindex(ctx, id, old.Owner)
			}
			return version(next.Data), nil
		case !errors.As(err, &cancelled):
			return "", s.noMove(err)
		}
		if err := s.outcome(cancelled.CancellationReasons); err != nil {
			return "", err
		}
		if attempt == writeAttempts || !passing(cancelled.CancellationReasons) {
			return "", failed("move", err)
		}
		if pause(ctx, attempt) != nil {
			return "", failed("move", err)
		}
	}
}

// transact does both writes or neither. Each call has a new token: the client repeats one only if
// nothing was written.
func (s *Store) transact(ctx context.Context, up *types.Update, put *types.Put) error {
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String(rand.Text()),
		TransactItems:      []types.TransactWriteItem{{Update: up}, {Put: put}},
	}, s.writing)
	return err
}

// noMove is failed for an error that is no cancellation.
func (s *Store) noMove(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "UnknownOperationException" {
		s.withoutMoves.Store(true)
		return errors.ErrUnsupported
	}
	return failed("move", err)
}

// outcome returns what a condition that was not met means, or nil if all were met.
// Nothing was written.
func (s *Store) outcome(reasons []types.CancellationReason) error {
	const unmet = "ConditionalCheckFailed"
	switch {
	case len(reasons) != 2:
		return nil
	case aws.ToString(reasons[0].Code) == unmet:
		return s.whyNot(reasons[0].Item)
	case aws.ToString(reasons[1].Code) == unmet:
		return store.ErrExists
	}
	return nil
}

// passing reports whether another attempt may succeed: another call was writing one of the items,
// or DynamoDB throttles.
func passing(reasons []types.CancellationReason) bool {
	some := false
	for _, r := range reasons {
		switch aws.ToString(r.Code) {
		case "", "None":
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			some = true
		default:
			return false
		}
	}
	return some
}
