package dynamodb

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
)

// counter is an HTTP client that notes which operations are asked for.
type counter struct {
	mu  sync.Mutex
	ops []string
	all map[string]bool
}

func (c *counter) Do(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c.mu.Lock()
	c.ops, c.all[op] = append(c.ops, op), true
	c.mu.Unlock()
	return http.DefaultClient.Do(r)
}

// Each call makes the requests that the guide says, and needs no other rights.
func TestWhatCallsCost(t *testing.T) {
	d := server(t)
	ctx := t.Context()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("eu-central-1"), config.WithLogger(logging.Nop{}))
	if err != nil {
		t.Fatal(err)
	}
	count := &counter{all: map[string]bool{}}
	s, err := dynamodbstore.New(dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.BaseEndpoint, o.HTTPClient = aws.String("http://"+d.Addr), count
	}), dynamodbstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTable(ctx); err != nil {
		t.Fatal(err)
	}
	for op := range count.all {
		count.documented(t, op)
	}
	cost := func(what, want string, err error) {
		t.Helper()
		count.mu.Lock()
		defer count.mu.Unlock()
		if got := strings.Join(count.ops, " "); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", what, got, err, want)
		}
		count.ops = nil
	}
	count.ops = nil
	r := store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour), Deadline: time.Now().Add(12 * time.Hour)}
	r.Version, err = s.Create(ctx, "no-owner", r)
	cost("create", "PutItem", err)
	_, err = s.Load(ctx, "no-owner")
	cost("load", "GetItem", err)
	_, err = s.Replace(ctx, "no-owner", r, r)
	cost("replace", "UpdateItem", err)
	err = s.Touch(ctx, "no-owner", r, r.Expires)
	cost("touch", "UpdateItem", err)
	owned := r
	owned.Owner = strings.Repeat("ab", 32)
	_, err = s.Move(ctx, "no-owner", r, r, "first", owned)
	cost("first sign-in", "UpdateItem UpdateItem TransactWriteItems", err)
	_, err = s.Create(ctx, "second", owned)
	cost("second sign-in", "UpdateItem PutItem", err)
	_, err = s.Replace(ctx, "second", owned, owned)
	cost("replace of an owned record", "UpdateItem", err)
	_, _, err = s.Owned(ctx, owned.Owner, "", 100)
	cost("list by owner", "GetItem BatchGetItem", err)
	err = s.Delete(ctx, "second", owned)
	cost("delete of an owned record", "DeleteItem UpdateItem", err)
	err = s.Delete(ctx, "no-owner", r)
	cost("delete", "DeleteItem", err)
	_, _, err = s.All(ctx, "", 100)
	cost("list all", "Scan", err)
	_, _, err = s.Sweep(ctx, "", 100)
	cost("sweep", "Scan", err)
	err = s.Ping(ctx)
	cost("ping", "GetItem", err)
	for op := range count.all {
		count.documented(t, op)
	}
}

// documented fails unless the guide names the right to an operation.
func (c *counter) documented(t *testing.T, op string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/stores/dynamodb.md")
	if err != nil {
		t.Fatal(err)
	}
	// which needs those of its parts
	if !strings.Contains(string(page), fmt.Sprintf("dynamodb:%s", op)) && op != "TransactWriteItems" {
		t.Errorf("docs/stores/dynamodb.md does not name the right dynamodb:%s", op)
	}
}
