package mongostore

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/cloakroom-go/cloakroom/store"
)

// nowhere is a client of a server that is not there.
func nowhere(t *testing.T) *mongo.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c, err := mongo.Connect(options.Client().ApplyURI("mongodb://user:hunter2@" + addr + "/?authSource=admin").SetServerSelectionTimeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(context.Background()) })
	return c
}

func TestNewErrors(t *testing.T) {
	if s, err := New(nil, Options{}); err == nil || s != nil {
		t.Errorf("a nil client: %v", err)
	}
	c := nowhere(t)
	for _, tt := range []struct {
		opts Options
		want string
	}{
		{Options{Database: "a/b"}, "Options.Database"},
		{Options{Database: strings.Repeat("d", 64)}, "Options.Database"},
		{Options{Collection: "a$b"}, "Options.Collection"},
		{Options{Collection: "system.users"}, "Options.Collection"},
		{Options{Prefix: strings.Repeat("p", 201)}, "Options.Prefix is \"ppp"},
		{Options{Prefix: "a\nb"}, "Options.Prefix"},
		{Options{Prefix: "\xff"}, "Options.Prefix"},
		{Options{WriteConcern: writeconcern.Unacknowledged()}, "Options.WriteConcern is unacknowledged"},
		{Options{WriteConcern: writeconcern.W1(), ReadConcern: readconcern.Majority()}, "Options.ReadConcern is majority"},
		{Options{WriteConcern: writeconcern.Journaled(), ReadConcern: readconcern.Snapshot()}, "Options.ReadConcern is snapshot"},
	} {
		if s, err := New(c, tt.opts); err == nil || s != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want an error with %q", tt.opts, err, tt.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	c := nowhere(t)
	s, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.coll.Name() != "sessions" || s.coll.Database().Name() != "flask_session" || s.prefix != "session:" {
		t.Errorf("sessions are in %s.%s under %q, want Flask-Session's names", s.coll.Database().Name(), s.coll.Name(), s.prefix)
	}
	o := Options{}
	if err := o.fill(); err != nil || o.ReadConcern.Level != "majority" || o.WriteConcern.W != "majority" || o.Now == nil {
		t.Errorf("the defaults are %+v, %v", o, err)
	}
	o = Options{WriteConcern: writeconcern.W1()}
	if err := o.fill(); err != nil || o.ReadConcern.Level != "local" {
		t.Errorf("with w=1 the read concern is %+v, %v", o.ReadConcern, err)
	}
}

// TestNoServer: without a server every call ends with its context, says what is wrong,
// and no password.
func TestNoServer(t *testing.T) {
	s, err := New(nowhere(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := store.Record{Data: []byte("secret data"), Expires: time.Now().Add(time.Hour), Version: version([]byte("secret data"))}
	for op, call := range map[string]func(context.Context) error{
		"load":    func(ctx context.Context) error { _, err := s.Load(ctx, "id"); return err },
		"create":  func(ctx context.Context) error { _, err := s.Create(ctx, "id", r); return err },
		"replace": func(ctx context.Context) error { _, err := s.Replace(ctx, "id", r, r); return err },
		"touch":   func(ctx context.Context) error { return s.Touch(ctx, "id", r, r.Expires) },
		"delete":  func(ctx context.Context) error { return s.Delete(ctx, "id", r) },
		"list":    func(ctx context.Context) error { _, _, err := s.All(ctx, "", 1); return err },
		"sweep":   func(ctx context.Context) error { _, _, err := s.Sweep(ctx, "", 1); return err },
		"migrate": s.Migrate,
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			err := call(ctx)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%v, want the context's end", err)
			}
			text := err.Error()
			if !strings.HasPrefix(text, "mongostore: "+op) || !strings.Contains(text, "refused") {
				t.Errorf("%q, want the operation and that the connection was refused", text)
			}
			if strings.Contains(text, "hunter2") || strings.Contains(text, "secret data") {
				t.Errorf("it tells too much: %q", text)
			}
		})
	}
}

func TestDates(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 678_999_999, time.UTC)
	if got := date(at); int64(got) != at.UnixMilli() || got.Time().After(at) {
		t.Errorf("%v is stored as %v", at, got.Time())
	}
	for _, far := range []time.Time{time.Unix(math.MaxInt64/2, 0), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got := date(far).Time().UTC(); got.Year() != 9999 {
			t.Errorf("%v is stored as %v", far, got)
		}
	}
	if got := date(time.Time{}); got != 0 {
		t.Errorf("the zero time is stored as %v", got.Time())
	}
}

func TestRecord(t *testing.T) {
	for name, doc := range map[string]bson.D{
		"empty":  {},
		"nulls":  {{Key: "val", Value: nil}, {Key: "expiration", Value: nil}, {Key: "owner", Value: nil}},
		"others": {{Key: "val", Value: bson.D{{Key: "a", Value: 1}}}, {Key: "expiration", Value: "x"}, {Key: "owner", Value: 7}},
	} {
		raw, err := bson.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := record(raw); ok || r.Version != "" {
			t.Errorf("%s reads as %+v", name, r)
		}
	}
}
