package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

func lasting(data string) store.Record {
	now := time.Now()
	return store.Record{Data: []byte(data), Expires: now.Add(time.Hour), Deadline: now.Add(12 * time.Hour)}
}

func hexID(n int) string { return fmt.Sprintf("%064x", n) }

// stored returns the document under an id as it is stored.
func stored(t *testing.T, c *mongo.Collection, id string) bson.D {
	t.Helper()
	var d bson.D
	if err := c.FindOne(t.Context(), bson.D{{Key: "id", Value: id}}).Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func insert(t *testing.T, c *mongo.Collection, id string, val, expiration any) {
	t.Helper()
	if _, err := c.InsertOne(t.Context(), bson.D{{Key: "id", Value: id}, {Key: "val", Value: val}, {Key: "expiration", Value: expiration}}); err != nil {
		t.Fatal(err)
	}
}

func names(d bson.D) []string {
	var all []string
	for _, e := range d {
		all = append(all, e.Key)
	}
	slices.Sort(all)
	return all
}

// TestLayout: a record is stored as Flask-Session stores it, with an owner where it has one.
func TestLayout(t *testing.T) {
	rawURL := place(t, given(t))
	s, c := open(t, rawURL), raw(t, rawURL)
	r := lasting("first")
	var err error
	if r.Version, err = s.Create(t.Context(), hexID(1), r); err != nil {
		t.Fatal(err)
	}
	d := stored(t, c, "session:"+hexID(1))
	if got := names(d); !slices.Equal(got, []string{"_id", "expiration", "id", "val"}) {
		t.Errorf("a record has the fields %q", got)
	}
	for _, e := range d {
		var ok bool
		switch v := e.Value.(type) {
		case bson.ObjectID:
			ok = e.Key == "_id"
		case string:
			ok = e.Key == "id" && v == "session:"+hexID(1)
		case bson.Binary:
			ok = e.Key == "val" && v.Subtype == 0 && string(v.Data) == "first"
		case bson.DateTime:
			ok = e.Key == "expiration" && int64(v) == r.Expires.UnixMilli()
		}
		if !ok {
			t.Errorf("%s is %T %v", e.Key, e.Value, e.Value)
		}
	}

	owned := lasting("second")
	owned.Owner = hexID(7)
	if owned.Version, err = s.Replace(t.Context(), hexID(1), r, owned); err != nil {
		t.Fatal(err)
	}
	if got := names(stored(t, c, "session:"+hexID(1))); !slices.Contains(got, "owner") {
		t.Errorf("an owned record has the fields %q", got)
	}
	if _, err = s.Replace(t.Context(), hexID(1), owned, lasting("third")); err != nil {
		t.Fatal(err)
	}
	if got := names(stored(t, c, "session:"+hexID(1))); slices.Contains(got, "owner") {
		t.Errorf("a record that has no owner any more has the fields %q", got)
	}
}

// indexes returns the collection's indexes: "id unique", "expiration" and so on.
func indexes(t *testing.T, c *mongo.Collection) []string {
	t.Helper()
	specs, err := c.Indexes().ListSpecifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range specs {
		var keys bson.D
		if err := bson.Unmarshal(s.KeysDocument, &keys); err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, k := range keys {
			words = append(words, k.Key)
		}
		if s.Unique != nil && *s.Unique {
			words = append(words, "unique")
		}
		all = append(all, strings.Join(words, " "))
	}
	slices.Sort(all)
	return all
}

var wanted = []string{"_id", "expiration", "id unique", "owner id"}

// TestIndexes: the first Create makes them, unless the caller does.
func TestIndexes(t *testing.T) {
	rawURL := place(t, given(t))
	s, c := open(t, rawURL), raw(t, rawURL)
	if _, err := s.Load(t.Context(), hexID(1)); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Fatal(err)
	}
	if got := indexes(t, c); len(got) != 0 {
		t.Errorf("reading made the indexes %q", got)
	}
	if _, err := s.Create(t.Context(), hexID(1), lasting("data")); err != nil {
		t.Fatal(err)
	}
	if got := indexes(t, c); !slices.Equal(got, wanted) {
		t.Errorf("the indexes are %q, want %q", got, wanted)
	}
	for range 2 {
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := indexes(t, c); !slices.Equal(got, wanted) {
		t.Errorf("after Migrate the indexes are %q, want %q", got, wanted)
	}
	if err := c.Indexes().DropAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	manual, err := mongostore.New(c.Database().Client(), mongostore.Options{
		Database: c.Database().Name(), Collection: c.Name(), ManualIndexes: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manual.Create(t.Context(), hexID(2), lasting("data")); err != nil {
		t.Fatal(err)
	}
	if got := indexes(t, c); len(got) != 1 {
		t.Errorf("with ManualIndexes the indexes are %q", got)
	}
}

// TestDuplicates: documents with the same id, as a collection without a unique index
// may have, are noticed, and removed only when that is asked for.
func TestDuplicates(t *testing.T) {
	rawURL := place(t, given(t))
	s, c := open(t, rawURL), raw(t, rawURL)
	ctx, later := t.Context(), time.Now().Add(time.Hour)
	for i := range 3 {
		for range i + 1 {
			insert(t, c, "session:"+hexID(i), []byte("data"), later)
		}
	}
	if err := c.FindOneAndUpdate(ctx, bson.D{{Key: "id", Value: "session:" + hexID(2)}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "val", Value: []byte("the first")}}}}).Err(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		insert(t, c, "other:1", []byte("data"), later)
		if _, err := c.InsertOne(ctx, bson.D{{Key: "id", Value: "session:no session"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Migrate(ctx); !errors.Is(err, mongostore.ErrDuplicates) {
		t.Errorf("Migrate: %v, want ErrDuplicates", err)
	}
	if _, err := s.Create(ctx, hexID(9), lasting("data")); !errors.Is(err, mongostore.ErrDuplicates) {
		t.Errorf("Create: %v, want ErrDuplicates", err)
	}
	if n, err := s.RemoveDuplicates(ctx); n != 3 || err != nil {
		t.Errorf("%d were removed, %v; want 3", n, err)
	}
	if r, err := s.Load(ctx, hexID(2)); err != nil || string(r.Data) != "the first" {
		t.Errorf("what is left is %q, %v; want what was read before", r.Data, err)
	}
	if n, err := c.CountDocuments(ctx, bson.D{}); n != 7 || err != nil {
		t.Errorf("%d documents are left, %v; want 3 sessions and 4 of others", n, err)
	}
	if _, err := c.DeleteMany(ctx, bson.D{{Key: "id", Value: bson.D{{Key: "$in", Value: bson.A{"other:1", "session:no session"}}}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Errorf("Migrate: %v", err)
	}
}

// TestForeignWriters: what others store that is no session is neither taken for one nor
// in the way.
func TestForeignWriters(t *testing.T) {
	rawURL := place(t, given(t))
	s, c := open(t, rawURL), raw(t, rawURL)
	ctx, later := t.Context(), time.Now().Add(time.Hour)
	insert(t, c, "session:"+hexID(1), []byte("data"), nil)
	insert(t, c, "session:"+hexID(2), []byte("data"), "tomorrow")
	if _, err := c.InsertOne(ctx, bson.D{{Key: "id", Value: "session:" + hexID(3)}}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		if _, err := s.Load(ctx, hexID(i)); !errors.Is(err, cloakroom.ErrNotFound) {
			t.Errorf("load %d without an expiry: %v, want ErrNotFound", i, err)
		}
		if _, err := s.Create(ctx, hexID(i), lasting("ours")); err != nil {
			t.Errorf("create %d in its place: %v", i, err)
		}
		if r, err := s.Load(ctx, hexID(i)); err != nil || string(r.Data) != "ours" {
			t.Errorf("load %d: %q, %v", i, r.Data, err)
		}
	}
	insert(t, c, "session:"+hexID(4), "text", later)
	if _, err := s.Load(ctx, hexID(4)); !errors.Is(err, cloakroom.ErrUnreadable) {
		t.Errorf("text in place of data: %v, want that it cannot be read", err)
	}
	insert(t, c, "other:"+hexID(5), []byte("data"), later)
	insert(t, c, "session;", []byte("data"), later)
	insert(t, c, "session:", []byte("data"), later)
	insert(t, c, "other:"+hexID(6), []byte("data"), later.Add(-2*time.Hour))
	page, next, err := s.All(ctx, "", 100)
	if err != nil || len(page) != 3 || next != "" {
		t.Errorf("%d are listed, %v, want the 3 whose id has the prefix and that can be read", len(page), err)
	}
	if n, _, err := s.Sweep(ctx, "", 100); n != 0 || err != nil {
		t.Errorf("%d were swept, %v, want none: the expired one has another prefix", n, err)
	}
	// A writer that does not compare is noticed.
	old, err := s.Load(ctx, hexID(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateOne(ctx, bson.D{{Key: "id", Value: "session:" + hexID(1)}}, bson.D{{Key: "$set", Value: bson.D{{Key: "val", Value: []byte("theirs")}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replace(ctx, hexID(1), old, lasting("again")); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("replace after a foreign write: %v, want ErrConflict", err)
	}
	if err := s.Delete(ctx, hexID(1), old); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("delete after a foreign write: %v, want ErrConflict", err)
	}
}

// TestLargest: the largest records go in and out; larger ones are not sent.
func TestLargest(t *testing.T) {
	rawURL := patient(t, place(t, given(t)))
	s := open(t, rawURL)
	ctx := t.Context()
	r := lasting(strings.Repeat("x", mongostore.MaxRecord))
	var err error
	if r.Version, err = s.Create(ctx, hexID(1), r); err != nil {
		t.Fatal(err)
	}
	next := lasting(strings.Repeat("y", mongostore.MaxRecord))
	if next.Version, err = s.Replace(ctx, hexID(1), r, next); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(ctx, hexID(1)); err != nil || got.Version != next.Version || !bytes.Equal(got.Data, next.Data) {
		t.Errorf("load: %d bytes, %v", len(got.Data), err)
	}
	larger := lasting(strings.Repeat("z", mongostore.MaxRecord+1))
	if _, err := s.Create(ctx, hexID(2), larger); !errors.Is(err, cloakroom.ErrTooLarge) {
		t.Errorf("create: %v, want ErrTooLarge", err)
	}
	if _, err := s.Replace(ctx, hexID(1), next, larger); !errors.Is(err, cloakroom.ErrTooLarge) {
		t.Errorf("replace: %v, want ErrTooLarge", err)
	}
	larger.Version = "x"
	if _, err := s.Replace(ctx, hexID(1), larger, next); !errors.Is(err, cloakroom.ErrTooLarge) {
		t.Errorf("replace of what others stored: %v, want ErrTooLarge", err)
	}
	// A page ends early rather than hold many of them.
	for i := 2; i <= 3; i++ {
		if _, err := s.Create(ctx, hexID(i), next); err != nil {
			t.Fatal(err)
		}
	}
	page, cursor, err := s.All(ctx, "", 1000)
	if err != nil || len(page) != 3 || cursor == "" {
		t.Fatalf("a page has %d records of 8 MB, next %q, %v; want 3 and no end yet", len(page), cursor, err)
	}
	if page, cursor, err = s.All(ctx, cursor, 1000); err != nil || len(page) != 0 || cursor != "" {
		t.Errorf("the next page has %d records, next %q, %v; want the end", len(page), cursor, err)
	}
}

// TestClock: expiries are compared by the clock that is given.
func TestClock(t *testing.T) {
	rawURL := place(t, given(t))
	s, c := open(t, rawURL), raw(t, rawURL)
	late, err := mongostore.New(c.Database().Client(), mongostore.Options{
		Database: c.Database().Name(), Collection: c.Name(), Now: func() time.Time { return time.Now().Add(2 * time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), hexID(1), lasting("data")); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Load(t.Context(), hexID(1)); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("load by a clock two hours ahead: %v, want ErrNotFound", err)
	}
	if _, err := s.Load(t.Context(), hexID(1)); err != nil {
		t.Error(err)
	}
	if n, _, err := late.Sweep(t.Context(), "", 10); n != 1 || err != nil {
		t.Errorf("%d were swept by it, %v, want 1", n, err)
	}
}

// raw is the collection of a URL, by a client of its own. It is dropped when the test ends.
func raw(t *testing.T, rawURL string) *mongo.Collection {
	t.Helper()
	server, database, collection := parts(t, rawURL)
	client, err := mongo.Connect(options.Client().ApplyURI(server).SetRetryWrites(false))
	if err != nil {
		t.Fatal(err)
	}
	c := client.Database(database).Collection(collection)
	t.Cleanup(func() {
		_ = c.Drop(context.Background())
		_ = client.Disconnect(context.Background())
	})
	return c
}
