package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
)

// clocked is a store whose clock the test moves, and a client that sees its items.
type clocked struct {
	*dynamodbstore.Store
	t      *testing.T
	client *dynamodb.Client
	ahead  atomic.Int64
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	d := server(t)
	c := &clocked{t: t, client: direct(t, d)}
	var err error
	if c.Store, err = dynamodbstore.New(c.client, dynamodbstore.Options{Now: c.now}); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *clocked) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clocked) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// begin stores a record of an owner that lives for an hour, with a deadline in twelve.
func (c *clocked) begin(id, owner string) store.Record {
	c.t.Helper()
	r := store.Record{Data: []byte(id), Expires: c.now().Add(time.Hour), Deadline: c.now().Add(12 * time.Hour), Owner: owner}
	var err error
	if r.Version, err = c.Create(c.t.Context(), id, r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

func indexKey(owner string) string { return "session:owner→" + owner }

// entries are the ids in an owner's index, and when DynamoDB may remove it.
func (c *clocked) entries(owner string) (ids map[string]types.AttributeValue, until string) {
	c.t.Helper()
	it := attributes(c.t, c.client, indexKey(owner))
	if m, ok := it["ids"].(*types.AttributeValueMemberM); ok {
		ids = m.Value
	}
	if n, ok := it["expiration"].(*types.AttributeValueMemberN); ok {
		until = n.Value
	}
	return ids, until
}

// An owner's index lives as long as its longest session may, whatever the order in
// which they begin.
func TestIndexOutlivesSessions(t *testing.T) {
	c := newClocked(t)
	for _, days := range [][]int{{1, 3, 2}, {3, 1, 2}, {2, 1, 3}} {
		owner := fmt.Sprint("owner ", days)
		begin := time.Now()
		for i, n := range days {
			r := store.Record{Expires: begin.Add(time.Hour), Deadline: begin.Add(time.Duration(n) * 24 * time.Hour), Owner: owner}
			if _, err := c.Create(t.Context(), fmt.Sprint(days, i), r); err != nil {
				t.Fatal(err)
			}
		}
		ids, until := c.entries(owner)
		if want := fmt.Sprint(begin.Add(3 * 24 * time.Hour).Unix()); len(ids) != 3 || until < want {
			t.Errorf("%v: %d entries until %s, want 3 until %s or later", days, len(ids), until, want)
		}
	}
	// A deadline that is unknown never comes.
	if _, err := c.Create(t.Context(), "no deadline", store.Record{Expires: time.Now().Add(time.Hour), Owner: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, until := c.entries("x"); until != "253402300799" {
		t.Errorf("an index without a deadline until %s", until)
	}
}

// An entry without a record stays for a minute, in which its record may be about to be
// created, and is removed then, by a listing. Entries past their deadline are removed
// when another session begins. Sweeping removes an index that is over.
func TestIndexForgets(t *testing.T) {
	c := newClocked(t)
	ctx := t.Context()
	const owner = "the-user"
	c.begin("gone", owner)
	c.begin("stays", owner)
	if _, err := c.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{ // as TTL does
		TableName: aws.String("Sessions"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "session:gone"}},
	}); err != nil {
		t.Fatal(err)
	}
	list := func(want ...string) {
		t.Helper()
		page, _, err := c.Owned(ctx, owner, "", 100)
		var got []string
		for _, e := range page {
			got = append(got, e.ID+" "+string(e.Record.Data))
		}
		if err != nil || strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("listed %q, %v, want %q", got, err, want)
		}
	}
	count := func(want int) {
		t.Helper()
		if ids, _ := c.entries(owner); len(ids) != want {
			t.Errorf("%d entries, want %d: %v", len(ids), want, ids)
		}
	}
	list("gone ", "stays stays")
	c.advance(store.IndexGrace - time.Second)
	list("gone ", "stays stays")
	count(2)
	c.advance(2 * store.IndexGrace)
	list("stays stays")
	count(1)
	c.advance(6 * time.Hour) // the record has expired, its deadline is to come
	c.begin("new", owner)
	count(2)
	c.advance(7 * time.Hour)
	c.begin("newer", owner)
	count(2)
	list("newer newer")
	count(1)
	if n, _, err := c.Sweep(ctx, "", 100); n != 2 || err != nil { // stays and new
		t.Errorf("swept %d, %v", n, err)
	}
	c.advance(13 * time.Hour)
	if n, _, err := c.Sweep(ctx, "", 100); n != 2 || err != nil { // newer and the index
		t.Errorf("swept %d, %v", n, err)
	}
	if it := attributes(t, c.client, indexKey(owner)); it != nil {
		t.Errorf("the index is still there: %v", it)
	}
}

// Sweeping removes the index entry of each record that it removes, and no other.
func TestSweepClearsEntries(t *testing.T) {
	c := newClocked(t)
	const owner = "ada"
	c.begin("first", owner)
	c.begin("second", owner)
	c.advance(30 * time.Minute)
	c.begin("later", owner)
	c.advance(45 * time.Minute)
	if n, _, err := c.Sweep(t.Context(), "", 100); n != 2 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if ids, _ := c.entries(owner); len(ids) != 1 || ids["later"] == nil {
		t.Errorf("the index has %v, want one entry", ids)
	}
}

// Many sign-ins of one owner at once are all listed, from the first on, while others end.
func TestIndexManyAtOnce(t *testing.T) {
	c := newClocked(t)
	const owner, each, at = "the-user", 8, 6
	var wg sync.WaitGroup
	for w := range at {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				deadline := time.Now().Add(time.Duration((i*7+w)%13+2) * time.Hour)
				r := store.Record{Data: []byte(id), Expires: time.Now().Add(time.Hour), Deadline: deadline, Owner: owner}
				v, err := c.Create(t.Context(), id, r)
				if err != nil {
					t.Error(err)
					return
				}
				if r.Version = v; i%2 == 0 {
					if err := c.Delete(t.Context(), id, r); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	got := map[string]bool{}
	for cursor := ""; ; {
		page, next, err := c.Owned(t.Context(), owner, cursor, 5)
		if err != nil || len(page) > 5 {
			t.Fatal(len(page), err)
		}
		for _, e := range page {
			got[e.ID] = e.Record.Version != ""
		}
		if cursor = next; next == "" {
			break
		}
	}
	for w := range at {
		for i := 1; i < each; i += 2 {
			if !got[fmt.Sprintf("%d-%d", w, i)] {
				t.Errorf("%d-%d is missing", w, i)
			}
		}
	}
	if len(got) != at*each/2 {
		t.Errorf("%d entries, want %d", len(got), at*each/2)
	}
}

// An index that is full refuses a session, and makes room when it has entries without records.
func TestIndexFull(t *testing.T) {
	c := newClocked(t)
	const owner = "the-user"
	// fill makes an index of as many entries as fit, by the server's word.
	fill := func(written time.Time) {
		t.Helper()
		entry := &types.AttributeValueMemberS{Value: fmt.Sprintf("%d %d", written.Unix(), c.now().Add(12*time.Hour).Unix())}
		ids := map[string]types.AttributeValue{}
		for i := range dynamodbstore.MaxItem / 80 {
			ids[fmt.Sprintf("%064d", i)] = entry
		}
		for {
			_, err := c.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Sessions"), Item: map[string]types.AttributeValue{
				"id": &types.AttributeValueMemberS{Value: indexKey(owner)}, "ids": &types.AttributeValueMemberM{Value: ids},
				"expiration": &types.AttributeValueMemberN{Value: fmt.Sprint(c.now().Add(20 * time.Hour).Unix())},
			}})
			if err == nil {
				break
			}
			if !strings.Contains(err.Error(), "size") {
				t.Fatal(err)
			}
			// By steps, the last one of one.
			for range max(1, len(ids)-4770) {
				delete(ids, fmt.Sprintf("%064d", len(ids)-1))
			}
		}
		t.Logf("%d entries fit", len(ids))
	}
	ctx, cancel := context.WithTimeout(t.Context(), servers.Patience)
	defer cancel()
	fill(time.Now())
	r := store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour), Deadline: time.Now().Add(12 * time.Hour), Owner: owner}
	id := strings.Repeat("f", 64)
	if _, err := c.Create(ctx, id, r); !errors.Is(err, cloakroom.ErrTooLarge) || strings.Contains(err.Error(), id) {
		t.Errorf("%v, want %v", err, cloakroom.ErrTooLarge)
	}
	if _, err := c.Load(ctx, id); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("a record without an entry: %v", err)
	}
	fill(time.Now().Add(-time.Hour))
	if _, err := c.Create(ctx, id, r); err != nil {
		t.Fatal(err)
	}
	// A listing removes the rest, and finds what is there.
	var found []string
	for cursor := ""; ; {
		page, next, err := c.Owned(ctx, owner, cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			found = append(found, e.ID)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if ids, _ := c.entries(owner); len(ids) != 1 || len(found) != 1 || found[0] != id {
		t.Errorf("%d entries, found %q", len(ids), found)
	}
}
