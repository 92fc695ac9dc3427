package mongo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// recorder notes what a client sends, beside its talk about connections.
type recorder struct {
	mu   sync.Mutex
	sent []bson.Raw
}

func (r *recorder) take() []bson.Raw {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

// recorded returns a store whose client is as the driver makes it by default, and what
// that sends.
func recorded(t *testing.T, rawURL string) (*mongostore.Store, *mongo.Collection, *recorder) {
	t.Helper()
	server, database, collection := parts(t, rawURL)
	rec := &recorder{}
	client, err := mongo.Connect(options.Client().ApplyURI(server).SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.sent = append(rec.sent, slices.Clone(e.Command))
	}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(context.Background()) })
	s, err := mongostore.New(client, mongostore.Options{Database: database, Collection: collection})
	if err != nil {
		t.Fatal(err)
	}
	return s, raw(t, rawURL), rec
}

// commandName returns the name of a command: its first field.
func commandName(command bson.Raw) string {
	elements, err := command.Elements()
	if err != nil || len(elements) == 0 {
		return ""
	}
	return elements[0].Key()
}

// TestOneCommand: each call sends one command, with majority concern, which the driver
// would not repeat; one that fails sends one more to tell why. On a mongod, each finds
// its record by the index on id.
func TestOneCommand(t *testing.T) {
	s, c, rec := recorded(t, place(t, given(t)))
	ctx := t.Context()
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	r := lasting("first")
	other := lasting("other")
	other.Version = "x"
	id, missing := hexID(1), hexID(2)
	rec.take()
	for _, tt := range []struct {
		name string
		call func() error
		is   error
		want string
	}{
		{"create", func() (err error) { r.Version, err = s.Create(ctx, id, r); return err }, nil, "update"},
		{"create again", func() error { _, err := s.Create(ctx, id, r); return err }, store.ErrExists, "update"},
		{"load", func() error { _, err := s.Load(ctx, id); return err }, nil, "find"},
		{"load nothing", func() error { _, err := s.Load(ctx, missing); return err }, cloakroom.ErrNotFound, "find"},
		{"touch", func() error { return s.Touch(ctx, id, r, time.Now().Add(2*time.Hour)) }, nil, "update"},
		{"touch nothing", func() error { return s.Touch(ctx, missing, r, time.Now()) }, cloakroom.ErrNotFound, "update find"},
		{"replace by the same", func() error { _, err := s.Replace(ctx, id, r, r); return err }, nil, "update"},
		{"replace another", func() error { _, err := s.Replace(ctx, id, other, r); return err }, cloakroom.ErrConflict, "update find"},
		{"replace nothing", func() error { _, err := s.Replace(ctx, missing, r, r); return err }, cloakroom.ErrNotFound, "update find"},
		{"delete another", func() error { return s.Delete(ctx, id, other) }, cloakroom.ErrConflict, "delete find"},
		{"delete", func() error { return s.Delete(ctx, id, r) }, nil, "delete"},
		{"delete nothing", func() error { return s.Delete(ctx, id, store.Record{}) }, cloakroom.ErrNotFound, "delete"},
	} {
		if err := tt.call(); !errors.Is(err, tt.is) || (err == nil) != (tt.is == nil) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.is)
		}
		var sent []string
		for _, command := range rec.take() {
			sent = append(sent, commandName(command))
			concern := command.Lookup("writeConcern", "w")
			if commandName(command) == "find" {
				concern = command.Lookup("readConcern", "level")
			}
			if level, _ := concern.StringValueOK(); level != "majority" {
				t.Errorf("%s: the concern of %s is %q", tt.name, commandName(command), level)
			}
			if v, err := command.LookupErr("txnNumber"); err == nil {
				t.Errorf("%s: %s has number %v, by which the driver would repeat it", tt.name, commandName(command), v)
			}
			if os.Getenv(variable) != "" {
				usesIndex(t, c, tt.name, command)
			}
		}
		if got := strings.Join(sent, " "); got != tt.want {
			t.Errorf("%s: sent %q, want %q", tt.name, got, tt.want)
		}
	}
}

// usesIndex fails unless the server would carry out a command by the index on id.
func usesIndex(t *testing.T, c *mongo.Collection, name string, command bson.Raw) {
	t.Helper()
	var plain bson.D
	if err := bson.Unmarshal(command, &plain); err != nil {
		t.Fatal(err)
	}
	about := []string{"lsid", "$db", "$clusterTime", "$readPreference", "writeConcern", "readConcern", "maxTimeMS"}
	plain = slices.DeleteFunc(plain, func(e bson.E) bool { return slices.Contains(about, e.Key) })
	plan, err := c.Database().RunCommand(t.Context(), bson.D{{Key: "explain", Value: plain}, {Key: "verbosity", Value: "queryPlanner"}}).Raw()
	if err != nil {
		t.Errorf("%s: explain: %v", name, err)
		return
	}
	if text := plan.String(); strings.Contains(text, "COLLSCAN") || !strings.Contains(text, "id_1") {
		t.Errorf("%s is carried out without the index on id: %s", name, text)
	}
}

// TestSweepLarge sweeps a million records, half of them expired, on a given server: a
// load meanwhile takes at most three times what it takes at rest. On FerretDB, which
// has no use of an index, it sweeps a thousand and times nothing.
func TestSweepLarge(t *testing.T) {
	rawURL, n := place(t, given(t)), 1000
	if os.Getenv(variable) != "" {
		if n = 1_000_000; testing.Short() {
			t.Skip("stores a million sessions")
		}
	}
	s, c := open(t, patient(t, rawURL)), raw(t, rawURL)
	ctx := t.Context()
	if _, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "expiration", Value: 1}}}); err != nil {
		t.Fatal(err) // without TTL, or the server would sweep
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := 0; i < n; {
		var batch []any
		for ; len(batch) < 10_000 && i < n; i++ {
			expires := now.Add(time.Hour)
			if i%2 == 0 {
				expires = now.Add(-time.Hour)
			}
			batch = append(batch, bson.D{{Key: "id", Value: "session:" + hexID(i)}, {Key: "val", Value: []byte("a session")}, {Key: "expiration", Value: expires}})
		}
		if _, err := c.InsertMany(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
	load := func(i int) time.Duration {
		begin := time.Now()
		if _, err := s.Load(ctx, hexID(i*2%n+1)); err != nil {
			t.Error(err)
		}
		return time.Since(begin)
	}
	median := func(while func(i int) bool) time.Duration {
		var all []time.Duration
		for i := 0; while(i); i++ {
			all = append(all, load(i*7919))
		}
		if len(all) == 0 {
			return 0
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	rest := median(func(i int) bool { return i < n/1000+100 })
	swept := make(chan error, 1)
	removed := 0
	go func() {
		for cursor := ""; ; {
			k, next, err := s.Sweep(ctx, cursor, 500)
			if removed += k; k > 500 {
				err = fmt.Errorf("a call removed %d, more than its batch of 500", k)
			}
			if cursor = next; err != nil || cursor == "" {
				swept <- err
				return
			}
		}
	}()
	var err error
	meanwhile := median(func(int) bool {
		select {
		case err = <-swept:
			return false
		default:
			return true
		}
	})
	if err != nil || removed != n/2 {
		t.Errorf("%d were swept, %v, want %d", removed, err, n/2)
	}
	t.Logf("a load took %v at rest and %v during the sweep", rest, meanwhile)
	if meanwhile > 3*rest && os.Getenv(variable) != "" {
		t.Errorf("a load took %v during the sweep, more than three times the %v at rest", meanwhile, rest)
	}
	if left, err := c.CountDocuments(ctx, bson.D{}); err != nil || int(left) != n-n/2 {
		t.Errorf("%d are left, %v, want %d", left, err, n-n/2)
	}
}
