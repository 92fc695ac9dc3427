package dynamodb

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Several processes may make the table at once. One with another key, or whose items go
// by another attribute, is refused.
func TestCreateTable(t *testing.T) {
	d := server(t)
	ctx, client := t.Context(), direct(t, d)
	store := func(name string) *dynamodbstore.Store {
		t.Helper()
		s, err := dynamodbstore.New(client, dynamodbstore.Options{Table: name})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s := store("together")
			if err := errors.Join(s.CreateTable(ctx), s.Ping(ctx)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, _, err := dynamodbstore.Open(ctx, strings.Replace(d.URL("missing"), "create=true", "create=never", 1)); !errors.Is(err, storeurl.ErrNoStore) {
		t.Errorf("create=never: %v", err)
	}
	if err := store("missing").Ping(ctx); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("a table that is not there: %v", err)
	}
	create := func(name, key string, kind types.ScalarAttributeType) {
		t.Helper()
		if _, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName:            aws.String(name),
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(key), AttributeType: kind}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(key), KeyType: types.KeyTypeHash}},
			BillingMode:          types.BillingModePayPerRequest,
		}); err != nil {
			t.Fatal(err)
		}
	}
	create("other-key", "sid", types.ScalarAttributeTypeS)
	create("binary-key", "id", types.ScalarAttributeTypeB)
	create("other-ttl", "id", types.ScalarAttributeTypeS)
	if _, err := client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String("other-ttl"), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("ttl"), Enabled: aws.Bool(true)},
	}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"other-key": "another key", "binary-key": "another key", "other-ttl": `"ttl"`} {
		if err := store(name).CreateTable(ctx); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %s", name, err, want)
		}
	}
	for _, name := range []string{"other-key", "binary-key"} {
		if err := store(name).Ping(ctx); err == nil {
			t.Errorf("%s: Ping finds nothing wrong", name)
		}
	}
}

// What is said to be the largest record fits, with one byte more it is ErrTooLarge, and
// what was there stays.
func TestSizes(t *testing.T) {
	s, ctx := open(t, table(t)+"&timeout=1m"), t.Context()
	id := fmt.Sprintf("size-%d", time.Now().UnixNano())
	for i, owner := range []string{"", strings.Repeat("ab", 32)} {
		most := dynamodbstore.MaxItem - len("id"+"val"+"expiration") - 21 - len("session:"+id)
		if owner != "" {
			most -= len("owner") + len(owner)
		}
		r := store.Record{Data: []byte("small"), Expires: time.Now().Add(time.Hour), Owner: owner}
		id := id[:len(id)-1] + strconv.Itoa(i)
		v, err := s.Create(ctx, id, r)
		if err != nil {
			t.Fatal(err)
		}
		large := r
		large.Data = make([]byte, most+1)
		_, create := s.Create(ctx, id+"x", large)
		_, replace := s.Replace(ctx, id, r, large)
		_, move := s.Move(ctx, id, r, r, id+"y", large)
		for _, err := range []error{create, replace, move} {
			if !errors.Is(err, cloakroom.ErrTooLarge) || !strings.Contains(err.Error(), strconv.Itoa(most+1)) {
				t.Errorf("%v, want %v with the size", err, cloakroom.ErrTooLarge)
			}
		}
		if got, err := s.Load(ctx, id); err != nil || got.Version != v {
			t.Errorf("the record that was there: %v", err)
		}
		large.Data = large.Data[:most]
		if _, err := s.Replace(ctx, id, r, large); err != nil {
			t.Errorf("the largest: %v", err)
		}
		large.Data[0] = 1
		if got, err := s.Load(ctx, id); err != nil || len(got.Data) != most {
			t.Errorf("%d bytes came back, %v", len(got.Data), err)
		} else if _, err := s.Replace(ctx, id, got, large); err != nil {
			// with two of them in the request
			t.Errorf("the largest in place of the largest: %v", err)
		}
		empty := store.Record{Expires: r.Expires}
		if _, err := s.Replace(ctx, id, large, empty); err != nil {
			t.Errorf("nothing in place of the largest: %v", err)
		}
		if got, err := s.Load(ctx, id); err != nil || len(got.Data) != 0 || got.Owner != "" {
			t.Errorf("%d bytes of %q, %v", len(got.Data), got.Owner, err)
		}
		if err := s.Delete(ctx, id, empty); err != nil {
			t.Error(err)
		}
	}
}

// A version without its data will do, at the price of a read.
func TestVersionAlone(t *testing.T) {
	s, ctx := open(t, table(t)+"&timeout=1m"), t.Context()
	id := fmt.Sprintf("version-%d", time.Now().UnixNano())
	r := store.Record{Data: []byte("first"), Expires: time.Now().Add(time.Hour)}
	v, err := s.Create(ctx, id, r)
	if err != nil {
		t.Fatal(err)
	}
	next := r
	next.Data = []byte("second")
	w, err := s.Replace(ctx, id, store.Record{Version: v}, next)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, id, store.Record{Version: v}); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("a stale version: %v", err)
	}
	if err := s.Delete(ctx, id, store.Record{Version: w}); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, id, store.Record{Version: w}); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("a record that is gone: %v", err)
	}
}

// TTL removes what has expired, written with a fraction or without, and nothing else.
// That of DynamoDB takes up to two days, so this is shown on the emulator, which takes
// seconds.
func TestTTL(t *testing.T) {
	d := server(t)
	s, ctx, client := open(t, d.URL("Sessions")+"&timeout=1m"), t.Context(), direct(t, d)
	put := func(id string, in time.Duration, owner string) {
		t.Helper()
		r := store.Record{Data: []byte(id), Expires: time.Now().Add(in), Deadline: time.Now().Add(time.Hour), Owner: owner}
		if _, err := s.Create(ctx, id, r); err != nil {
			t.Fatal(err)
		}
	}
	put("short", time.Second, "the-user")
	put("long", time.Hour, "the-user")
	if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Sessions"), Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: "session:flask"}, "val": &types.AttributeValueMemberB{Value: []byte{0x80}},
		"expiration": &types.AttributeValueMemberN{Value: fmt.Sprintf("%.6f", float64(time.Now().UnixMicro())/1e6+1)},
	}}); err != nil {
		t.Fatal(err)
	}
	servers.Until(t, "TTL has removed what has expired", func() error {
		var left []string
		for _, key := range []string{"session:short", "session:flask", "session:long", indexKey("the-user")} {
			if attributes(t, client, key) != nil {
				left = append(left, key)
			}
		}
		if !slices.Contains(left, "session:long") || !slices.Contains(left, indexKey("the-user")) {
			t.Fatalf("left are %q", left)
		}
		if len(left) > 2 {
			return fmt.Errorf("left are %q", left)
		}
		return nil
	})
}
