package dynamodbstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// tablePoll is how often CreateTable asks whether the table is ready.
const tablePoll = 250 * time.Millisecond

// CreateTable makes the table, billed by request, unless it is there, waits until it is ready,
// which takes some seconds, and turns TTL on. Several processes may call it at once. A table that
// is there is otherwise left as it is. It is an error if its key is not Flask-Session's or if TTL
// uses another attribute.
//
// It needs rights that the store itself does not: DescribeTable, CreateTable,
// DescribeTimeToLive and UpdateTimeToLive.
func (s *Store) CreateTable(ctx context.Context) error {
	if err := s.makeTable(ctx); err != nil {
		return failed("create table", err)
	}
	return failed("create table: TTL", s.turnTTLOn(ctx))
}

func (s *Store) makeTable(ctx context.Context) error {
	for asked := false; ; {
		describe := dynamodb.DescribeTableInput{TableName: s.table}
		out, err := s.client.DescribeTable(ctx, &describe, s.reading)
		var missing *types.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			if asked {
				break // it cannot be seen yet
			}
			asked = true
			id := aws.String(attrID)
			_, err = s.client.CreateTable(ctx, &dynamodb.CreateTableInput{
				TableName: s.table,
				AttributeDefinitions: []types.AttributeDefinition{
					{AttributeName: id, AttributeType: types.ScalarAttributeTypeS},
				},
				KeySchema: []types.KeySchemaElement{
					{AttributeName: id, KeyType: types.KeyTypeHash},
				},
				BillingMode: types.BillingModePayPerRequest,
			}, s.reading) // a repeat finds the table there
			var exists *types.ResourceInUseException
			if err != nil && !errors.As(err, &exists) {
				return err
			}
		case err != nil:
			return err
		case !keyFits(out.Table):
			return fmt.Errorf("the table %s has another key than %q, a string", *s.table, attrID)
		case out.Table.TableStatus == types.TableStatusActive,
			out.Table.TableStatus == types.TableStatusUpdating:
			return nil
		}
		select {
		case <-time.After(tablePoll):
		case <-ctx.Done():
			return fmt.Errorf("the table %s is not ready: %w", *s.table, ctx.Err())
		}
	}
}

// keyFits reports whether a table's only key is a string named id.
func keyFits(t *types.TableDescription) bool {
	if len(t.KeySchema) != 1 || aws.ToString(t.KeySchema[0].AttributeName) != attrID {
		return false
	}
	for _, a := range t.AttributeDefinitions {
		if aws.ToString(a.AttributeName) == attrID {
			return a.AttributeType == types.ScalarAttributeTypeS
		}
	}
	return false
}

func (s *Store) turnTTLOn(ctx context.Context) error {
	on, err := s.ttlIsOn(ctx)
	if on || err != nil {
		return err
	}
	_, err = s.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: s.table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String(attrExpiration), Enabled: aws.Bool(true),
		},
	}, s.reading)
	if err == nil {
		return nil
	}
	// DynamoDB refuses the change if another process has made it.
	if on, again := s.ttlIsOn(ctx); on && again == nil {
		return nil
	}
	return err
}

func (s *Store) ttlIsOn(ctx context.Context) (bool, error) {
	describe := dynamodb.DescribeTimeToLiveInput{TableName: s.table}
	out, err := s.client.DescribeTimeToLive(ctx, &describe, s.reading)
	if err != nil || out.TimeToLiveDescription == nil {
		return false, err
	}
	ttl := out.TimeToLiveDescription
	switch ttl.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
	default:
		return false, nil
	}
	if name := aws.ToString(ttl.AttributeName); name != attrExpiration {
		const text = "the table %s removes items by their attribute %q, not by %q"
		return false, fmt.Errorf(text, *s.table, name, attrExpiration)
	}
	return true, nil
}
