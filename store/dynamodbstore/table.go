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

// tablePoll is how often CreateTable looks whether the table is ready.
const tablePoll = 250 * time.Millisecond

// CreateTable makes the table if it is not there, billed by request, waits until it is
// ready, which takes some seconds on DynamoDB, and turns TTL on if that is off. Several
// processes may do so at once. A table that is there stays as it is otherwise, and is
// an error if it has another key than Flask-Session's or if TTL goes by another
// attribute.
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
		out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: s.table}, s.reading)
		var missing *types.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			if asked {
				break // it is not seen yet
			}
			asked = true
			_, err = s.client.CreateTable(ctx, &dynamodb.CreateTableInput{
				TableName:            s.table,
				AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(attrID), AttributeType: types.ScalarAttributeTypeS}},
				KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(attrID), KeyType: types.KeyTypeHash}},
				BillingMode:          types.BillingModePayPerRequest,
			}, s.reading) // repeated, it finds the table there
			var exists *types.ResourceInUseException
			if err != nil && !errors.As(err, &exists) {
				return err
			}
		case err != nil:
			return err
		case !keyFits(out.Table):
			return fmt.Errorf("the table %s has another key than %q, a string", *s.table, attrID)
		case out.Table.TableStatus == types.TableStatusActive || out.Table.TableStatus == types.TableStatusUpdating:
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
		TableName:               s.table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(attrExpiration), Enabled: aws.Bool(true)},
	}, s.reading)
	if err == nil {
		return nil
	}
	// Another process may have been first, which DynamoDB refuses to repeat.
	if on, again := s.ttlIsOn(ctx); on && again == nil {
		return nil
	}
	return err
}

func (s *Store) ttlIsOn(ctx context.Context) (bool, error) {
	out, err := s.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: s.table}, s.reading)
	if err != nil {
		return false, err
	}
	ttl := out.TimeToLiveDescription
	if ttl == nil || ttl.TimeToLiveStatus != types.TimeToLiveStatusEnabled && ttl.TimeToLiveStatus != types.TimeToLiveStatusEnabling {
		return false, nil
	}
	if name := aws.ToString(ttl.AttributeName); name != attrExpiration {
		return false, fmt.Errorf("the table %s removes items by their attribute %q, not by %q", *s.table, name, attrExpiration)
	}
	return true, nil
}
