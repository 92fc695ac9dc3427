package dynamodb

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

var sweepFlag = flag.Int("dynamodb.sweep", 6000, "sessions in the table that is swept, half of them expired")

// A process sweeps a table while another loads sessions from it: what has expired is
// removed, nothing else is, and a load takes three times as long at most, in the
// median, which is looked at without the race detector. The emulator serves one request
// at a time, so this is its hardest case.
func TestSweepUnderLoad(t *testing.T) {
	servers.Long(t)
	d := server(t)
	ctx, client := t.Context(), direct(t, d)
	rawURL := withoutTTL(t, d, client)
	s := open(t, rawURL)
	total := *sweepFlag / 50 * 50
	fill := func(from, to int) {
		var batch []types.WriteRequest
		for i := from; i < to; i++ {
			expires := time.Now().Add(time.Hour)
			if i%2 == 1 {
				expires = time.Now().Add(-time.Hour)
			}
			batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{
				"id":         &types.AttributeValueMemberS{Value: fmt.Sprint("session:", i)},
				"val":        &types.AttributeValueMemberB{Value: make([]byte, 500)},
				"expiration": &types.AttributeValueMemberN{Value: fmt.Sprint(expires.Unix())},
			}}})
		}
		if _, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Sessions": batch}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < total; i += 25 {
		fill(i, i+25)
	}
	warm(t, s)
	next := 0
	load := func() time.Duration {
		next = (next + 2*37) % total
		begin := time.Now()
		if _, err := s.Load(ctx, fmt.Sprint(next)); err != nil {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	median := func(all []time.Duration) time.Duration {
		slices.Sort(all)
		return all[len(all)/2]
	}
	var rest, sweeping []time.Duration
	for range 300 {
		rest = append(rest, load())
	}
	peer, removed, done := open(t, rawURL), 0, make(chan struct{})
	go func() {
		defer close(done)
		for cursor := ""; ; {
			n, next, err := peer.Sweep(ctx, cursor, 200)
			if err != nil || n > 200 {
				t.Errorf("removed %d, %v", n, err)
				return
			}
			if removed, cursor = removed+n, next; next == "" {
				return
			}
		}
	}()
	for under := true; under; {
		sweeping = append(sweeping, load())
		select {
		case <-done:
			under = false
		default:
		}
	}
	if removed != total/2 {
		t.Errorf("removed %d, want %d", removed, total/2)
	}
	a, b := median(rest), median(sweeping)
	t.Logf("a load took %v at rest, and %v in %d while sweeping", a, b, len(sweeping))
	if measures && b > 3*a {
		t.Errorf("a load takes %v at rest and %v while sweeping, more than three times as long", a, b)
	}
	for i := range total {
		if i%2 == 0 && i%100 == 0 {
			if _, err := s.Load(ctx, fmt.Sprint(i)); err != nil {
				t.Errorf("session %d: %v", i, err)
			}
		}
	}
	if n := expired(t, client); n > 0 {
		t.Errorf("%d that have expired are left", n)
	}
}

// withoutTTL makes the table "Sessions" with TTL never on, and returns its URL. Turned off
// again, TTL may still be removing what expires: a removal that has begun goes on.
func withoutTTL(t *testing.T, d *servers.DynamoDB, client *dynamodb.Client) string {
	t.Helper()
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		AttributeDefinitions: []types.AttributeDefinition{{
			AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS,
		}},
		BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{{
			AttributeName: aws.String("id"), KeyType: types.KeyTypeHash,
		}},
		TableName: aws.String("Sessions"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(d.URL("Sessions"), "create=true", "timeout=1m", 1)
}

// expired counts the items of the table "Sessions" that have expired.
func expired(t *testing.T, client *dynamodb.Client) (n int) {
	t.Helper()
	in := &dynamodb.ScanInput{
		ConsistentRead:   aws.Bool(true),
		FilterExpression: aws.String("expiration <= :now"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":now": &types.AttributeValueMemberN{Value: fmt.Sprint(time.Now().Unix())},
		},
		TableName: aws.String("Sessions"),
	}
	for {
		out, err := client.Scan(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		n += int(out.Count)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return n
		}
	}
}
