package dynamodbstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	maxBatch   = 100 // keys in one BatchGetItem
	batchTries = 10  // without progress
	sweepers   = 2   // deletions at once: few, so that requests get through
)

// loadAll loads the live records among ids, by id. One that cannot be read has no version.
func (s *Store) loadAll(ctx context.Context, ids []string) (map[string]store.Record, error) {
	records := make(map[string]store.Record, len(ids))
	keys := make([]item, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, key(s.recordKey(id)))
	}
	for idle := 0; len(keys) > 0; {
		n := min(len(keys), maxBatch)
		wanted := types.KeysAndAttributes{ConsistentRead: aws.Bool(true), Keys: keys[:n]}
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{*s.table: wanted},
		}, s.reading)
		if err != nil {
			return nil, err
		}
		for _, found := range out.Responses {
			for _, it := range found {
				if r, err := s.record(it); err == nil || errors.Is(err, store.ErrUnreadable) {
					records[textOf(it[attrID])[len(s.prefix):]] = r
				}
			}
		}
		// DynamoDB leaves over what exceeds 16 MB or the table's capacity.
		keys = keys[n:]
		left := 0
		for _, more := range out.UnprocessedKeys {
			keys, left = append(keys, more.Keys...), left+len(more.Keys)
		}
		if left < n {
			idle = 0
			continue
		}
		if idle++; idle == batchTries {
			return nil, errors.New("DynamoDB throttles reads")
		}
		if err := pause(ctx, idle); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// All implements [store.Lister]. It scans the table, which reads and costs all of it, also what is
// not this store's. A page is of at most limit items, or 1,000, and of at most 1 MB; zero means
// 100.
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	const records = "begins_with(id, :prefix) AND attribute_exists(val) AND " + live
	out, err := s.scan(ctx, cursor, limit, records, false)
	if err != nil {
		return nil, "", failed("list", err)
	}
	page := make([]store.Entry, 0, len(out.Items))
	for _, it := range out.Items {
		if r, err := s.record(it); err == nil {
			page = append(page, store.Entry{ID: textOf(it[attrID])[len(s.prefix):], Record: r})
		}
	}
	return page, textOf(out.LastEvaluatedKey[attrID]), nil
}

// Sweep implements [store.Sweeper], for a table whose TTL is off, such as one that Flask-Session
// 0.8 made. It scans the table as All does, and deletes items that have expired, with their entries
// in owners' indexes. With TTL there is little to find, and it still costs a scan.
func (s *Store) Sweep(
	ctx context.Context, cursor string, limit int,
) (removed int, next string, err error) {
	out, err := s.scan(ctx, cursor, limit, "begins_with(id, :prefix) AND expiration <= :now", true)
	if err != nil {
		return 0, "", failed("sweep", err)
	}
	var count atomic.Int64
	var wg sync.WaitGroup
	work := make(chan item)
	failures := make(chan error, sweepers)
	for range min(sweepers, len(out.Items)) {
		wg.Go(func() {
			var first error
			for it := range work {
				if first != nil {
					continue
				}
				switch did, err := s.remove(ctx, it); {
				case err != nil:
					first = err
				case did:
					count.Add(1)
				}
			}
			failures <- first
		})
	}
	for _, it := range out.Items {
		work <- it
	}
	close(work)
	wg.Wait()
	close(failures)
	for f := range failures {
		if f != nil {
			return int(count.Load()), "", failed("sweep", f)
		}
	}
	return int(count.Load()), textOf(out.LastEvaluatedKey[attrID]), nil
}

// remove deletes an item, unless it was touched since it was found expired.
func (s *Store) remove(ctx context.Context, it item) (bool, error) {
	out, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                 s.table,
		Key:                       item{attrID: it[attrID]},
		ConditionExpression:       aws.String("expiration <= :now"),
		ExpressionAttributeValues: item{":now": instant(s.now())},
		ReturnValues:              types.ReturnValueAllOld,
	}, s.writing)
	if _, kept := unmet(err); kept {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.unindex(ctx, textOf(it[attrID])[len(s.prefix):], textOf(out.Attributes[attrOwner]))
	return true, nil
}

// scan reads a page of the table, and returns the items that the filter lets through.
func (s *Store) scan(
	ctx context.Context, cursor string, limit int, filter string, keysOnly bool,
) (*dynamodb.ScanOutput, error) {
	in := &dynamodb.ScanInput{
		TableName:                 s.table,
		ConsistentRead:            aws.Bool(true),
		FilterExpression:          aws.String(filter),
		ExpressionAttributeValues: item{":prefix": text(s.prefix), ":now": instant(s.now())},
		Limit:                     aws.Int32(int32(pageSize(limit))),
	}
	if keysOnly {
		in.ProjectionExpression = aws.String("id")
	}
	if cursor != "" {
		in.ExclusiveStartKey = key(cursor)
	}
	return s.client.Scan(ctx, in, s.reading)
}
