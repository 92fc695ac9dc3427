package dynamodbstore

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloakroom-go/cloakroom/store"
)

// returnOld makes DynamoDB return the item that did not meet a condition, so that no read is needed
// to tell a record that is gone from one that was changed.
const returnOld = types.ReturnValuesOnConditionCheckFailureAllOld

// Load implements [store.Store]. An item without an expiration is no record. One whose val is not
// binary cannot be read.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	return s.load(ctx, "load", id)
}

func (s *Store) load(ctx context.Context, op, id string) (store.Record, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: s.table, Key: key(s.recordKey(id)), ConsistentRead: aws.Bool(true),
	}, s.reading)
	if err != nil {
		return store.Record{}, failed(op, err)
	}
	return s.record(out.Item)
}

// Create implements [store.Store]. It returns [store.ErrTooLarge] for a record over the limit on
// items, or for which its owner's index has no room.
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	if err := s.fits("create", id, r); err != nil {
		return "", err
	}
	if err := s.index(ctx, id, store.Record{}, r); err != nil {
		return "", failed("create: owner index", err)
	}
	put := s.create(id, r)
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                 put.TableName,
		Item:                      put.Item,
		ConditionExpression:       put.ConditionExpression,
		ExpressionAttributeValues: put.ExpressionAttributeValues,
	}, s.writing)
	if _, taken := unmet(err); taken {
		return "", store.ErrExists
	}
	if err != nil {
		return "", failed("create", err)
	}
	return version(r.Data), nil
}

// create is the write of a record if there is no live one.
func (s *Store) create(id string, r store.Record) *types.Put {
	it := key(s.recordKey(id))
	it[attrVal], it[attrExpiration] = binary(r.Data), expiration(r.Expires)
	if r.Owner != "" {
		it[attrOwner] = text(r.Owner)
	}
	return &types.Put{
		TableName:                 s.table,
		Item:                      it,
		ConditionExpression:       aws.String("attribute_not_exists(id) OR NOT (" + readable + ")"),
		ExpressionAttributeValues: item{":now": instant(s.now()), ":binary": text("B")},
	}
}

// Replace implements [store.Store]. It compares the data. It has the errors of Create.
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	if err := s.fits("replace", id, next); err != nil {
		return "", err
	}
	was, err := s.content(ctx, "replace", id, old)
	if err != nil {
		return "", err
	}
	if err := s.index(ctx, id, old, next); err != nil {
		return "", failed("replace: owner index", err)
	}
	up := s.replace(id, was, next)
	_, err = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 up.TableName,
		Key:                       up.Key,
		UpdateExpression:          up.UpdateExpression,
		ConditionExpression:       up.ConditionExpression,
		ExpressionAttributeNames:  up.ExpressionAttributeNames,
		ExpressionAttributeValues: up.ExpressionAttributeValues,

		ReturnValuesOnConditionCheckFailure: up.ReturnValuesOnConditionCheckFailure,
	}, s.writing)
	if there, changed := unmet(err); changed {
		return "", s.whyNot(there)
	}
	if err != nil {
		return "", failed("replace", err)
	}
	if old.Owner != next.Owner {
		s.unindex(ctx, id, old.Owner)
	}
	return version(next.Data), nil
}

// replace is the write of a record in place of one whose data is was.
func (s *Store) replace(id string, was []byte, next store.Record) *types.Update {
	values := item{
		":old": binary(was), ":new": binary(next.Data),
		":until": expiration(next.Expires), ":now": instant(s.now()),
	}
	update := "SET val = :new, expiration = :until REMOVE #o"
	if next.Owner != "" {
		update = "SET val = :new, expiration = :until, #o = :owner"
		values[":owner"] = text(next.Owner)
	}
	return &types.Update{
		TableName:                           s.table,
		Key:                                 key(s.recordKey(id)),
		UpdateExpression:                    aws.String(update),
		ConditionExpression:                 aws.String("val = :old AND expiration > :now"),
		ExpressionAttributeNames:            map[string]string{"#o": attrOwner},
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: returnOld,
	}
}

// whyNot returns why a write failed that found this item.
func (s *Store) whyNot(there item) error {
	if _, err := s.record(there); err != nil {
		return err
	}
	return store.ErrConflict
}

// content returns the data of a record, for comparisons with what is stored. If the caller has the
// version without the data, it loads that.
func (s *Store) content(ctx context.Context, op, id string, r store.Record) ([]byte, error) {
	if r.Version == "" || r.Version == version(r.Data) {
		return r.Data, nil
	}
	there, err := s.load(ctx, op, id)
	if err != nil {
		return nil, err
	}
	if there.Version != r.Version {
		return nil, store.ErrConflict
	}
	return there.Data, nil
}

// Touch implements [store.Store].
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	values := item{
		":until": expiration(expires), ":now": instant(s.now()), ":binary": text("B"),
	}
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 s.table,
		Key:                       key(s.recordKey(id)),
		UpdateExpression:          aws.String("SET expiration = :until"),
		ConditionExpression:       aws.String(readable),
		ExpressionAttributeValues: values,

		ReturnValuesOnConditionCheckFailure: returnOld,
	}, s.writing)
	if there, missing := unmet(err); missing {
		if _, err := s.record(there); err != nil {
			return err
		}
		return store.ErrNotFound
	}
	return failed("touch", err)
}

// Delete implements [store.Store]. Failing to remove the owner's index entry afterwards is no
// error: entries without a record are removed in time.
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	in := &dynamodb.DeleteItemInput{
		TableName:                           s.table,
		Key:                                 key(s.recordKey(id)),
		ConditionExpression:                 aws.String(live),
		ExpressionAttributeValues:           item{":now": instant(s.now())},
		ReturnValuesOnConditionCheckFailure: returnOld,
	}
	if r.Version != "" {
		was, err := s.content(ctx, "delete", id, r)
		if err != nil {
			return err
		}
		in.ConditionExpression = aws.String("val = :old AND expiration > :now")
		in.ExpressionAttributeValues[":old"] = binary(was)
	}
	_, err := s.client.DeleteItem(ctx, in, s.writing)
	if there, kept := unmet(err); kept {
		// If not found, keep the entry, too: it may be that of a create under way.
		return s.whyNot(there)
	}
	if err != nil {
		return failed("delete", err)
	}
	s.unindex(ctx, id, r.Owner)
	return nil
}
