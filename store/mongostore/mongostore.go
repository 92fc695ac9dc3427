// Package mongostore keeps sessions in MongoDB 4.4 or later: on one server, in a
// replica set, or sharded.
//
// A record is a document in Flask-Session's layout: `id` is prefix and id, `val` the
// data as binary, and `expiration` a date, to the millisecond. A record that belongs to
// somebody has `owner` besides. A collection that Flask-Session made is used as it is,
// and Flask-Session reads and writes what this store makes.
//
// A record's version is the SHA-256 of its data. Replace and Delete compare the data
// itself on the server, so a write by anybody, such as a Flask application, is noticed.
// Each call is one command, of a kind that the driver never repeats by itself, however
// the client is configured; only where a record is not what it was, one more tells why.
// Reads go to the primary. Reads and writes have majority concern unless [Options] say
// otherwise, so what was acknowledged outlives a failover.
//
// Expiries are compared by this process's clock whenever a record is looked at. A TTL
// index lets the server remove what has expired. Where the server answers that it has
// none, as FerretDB 1 does, an index without TTL takes its place, and [Store.Sweep]
// removes.
//
// The store lists by owner and lists all. It does not move records in one step: that
// would take a transaction, which only a replica set has. The core then does it in
// three.
package mongostore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/cloakroom-go/cloakroom/store"
)

// MaxRecord is the largest data of one record, in bytes: 4 KB less than 8 MB. More is [store.ErrTooLarge], and is
// not sent. MongoDB takes 16 MB in one document and in one statement, and a statement that replaces a record has
// what it was and what it becomes.
const MaxRecord = 8<<20 - 4<<10

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Collection is the collection's name. The default is "sessions", as that of
	// Flask-Session. It must have no default collation but the simple one, which
	// compares byte by byte.
	Collection string

	// Database is the database's name. The default is "flask_session", as that of
	// Flask-Session.
	Database string

	// ManualIndexes leaves the indexes to the caller, who calls [Store.Migrate] or
	// makes them by other means before the store is used. Without the unique one on
	// `id`, Create cannot tell that an id is taken, and sign-outs during sign-ins may
	// be undone. By default the first Create of a Store makes sure of them.
	ManualIndexes bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// Prefix begins all ids in the collection. The default is "session:", as that of
	// Flask-Session. At most 200 bytes of UTF-8, without control characters.
	Prefix string

	// ReadConcern is how well confirmed what is read must be. The default is majority
	// with a WriteConcern of the majority, and local with any other: majority reads
	// would not see the store's own writes, and are an error then. With less than
	// majority, a record may be read that a failover then takes back.
	ReadConcern *readconcern.ReadConcern

	// WriteConcern is how many servers must have a write before it is acknowledged. The
	// default is the majority. With less, a failover can undo an acknowledged sign-out.
	// It must not be unacknowledged.
	WriteConcern *writeconcern.WriteConcern
}

const (
	defaultCollection = "sessions"
	defaultDatabase   = "flask_session"
	defaultPrefix     = "session:"
	// bytes; an index entry may have 1,024 on old servers, and an id takes 255
	maxPrefix = 200
)

// Store is a [store.Store] in MongoDB. Make one with [New]. It is safe for concurrent use.
type Store struct {
	coll   *mongo.Collection
	conns  *connections // of a client that was opened by URL
	prefix string
	now    func() time.Time

	indexed  atomic.Bool   // the indexes are there, or none of our business
	indexing chan struct{} // holds one while somebody makes sure of them
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
)

// New returns a store that uses client, which stays the caller's to disconnect. Client
// options that
// [Opener] sets, and that suit this store: ServerSelectionTimeout and ConnectTimeout of a second or two, or calls whose
// context has no end wait for half a minute when no server is there.
//
// It makes no call. An option that cannot be is an error that names it.
func New(client *mongo.Client, opts Options) (*Store, error) {
	if client == nil {
		return nil, errors.New("mongostore: the client is nil")
	}
	if err := opts.fill(); err != nil {
		return nil, err
	}
	s := &Store{
		coll: client.Database(opts.Database).Collection(opts.Collection, options.Collection().
			SetReadConcern(opts.ReadConcern).SetReadPreference(readpref.Primary()).SetWriteConcern(opts.WriteConcern)),
		prefix:   opts.Prefix,
		now:      opts.Now,
		indexing: make(chan struct{}, 1),
	}
	s.indexed.Store(opts.ManualIndexes)
	return s, nil
}

// fill sets what was left out, and checks the rest.
func (o *Options) fill() error {
	for _, s := range []struct {
		option    *string
		otherwise string
	}{{&o.Collection, defaultCollection}, {&o.Database, defaultDatabase}, {&o.Prefix, defaultPrefix}} {
		if *s.option == "" {
			*s.option = s.otherwise
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.WriteConcern == nil {
		o.WriteConcern = writeconcern.Majority()
	}
	confirmed := o.WriteConcern.W == writeconcern.WCMajority
	switch {
	case o.ReadConcern == nil && confirmed:
		o.ReadConcern = readconcern.Majority()
	case o.ReadConcern == nil:
		o.ReadConcern = readconcern.Local()
	}
	switch {
	case len(o.Database) > 63 || strings.ContainsAny(o.Database, "/\\. \"$*<>:|?\x00"):
		return fmt.Errorf("mongostore: Options.Database is %q, which is no name of a database", o.Database)
	case len(o.Collection) > 120 || strings.ContainsAny(o.Collection, "$\x00") || strings.HasPrefix(o.Collection, "system."):
		return fmt.Errorf("mongostore: Options.Collection is %q, which is no name of a collection", o.Collection)
	case len(o.Prefix) > maxPrefix:
		return fmt.Errorf("mongostore: Options.Prefix has %d bytes, the most is %d", len(o.Prefix), maxPrefix)
	case !utf8.ValidString(o.Prefix) || strings.ContainsFunc(o.Prefix, unicode.IsControl):
		return fmt.Errorf("mongostore: Options.Prefix is %q, want UTF-8 without control characters", o.Prefix)
	case !o.WriteConcern.Acknowledged():
		return errors.New("mongostore: Options.WriteConcern is unacknowledged: nobody would know whether a session was stored")
	case !confirmed && (o.ReadConcern.Level == "majority" || o.ReadConcern.Level == "snapshot"):
		return fmt.Errorf("mongostore: Options.ReadConcern is %s, which does not see what Options.WriteConcern acknowledges: it is not the majority", o.ReadConcern.Level)
	}
	return nil
}

// Names of fields. The first three are Flask-Session's.
const (
	fieldID      = "id"
	fieldData    = "val"
	fieldExpires = "expiration"
	fieldOwner   = "owner"
)

// live matches the live record of an id.
func (s *Store) live(id string) bson.D {
	return bson.D{{Key: fieldID, Value: s.prefix + id}, s.lives()}
}

// readable matches what record reads.
var readable = bson.E{Key: fieldData, Value: bson.D{{Key: "$type", Value: "binData"}}}

// lives matches live records. It matches none whose expiration is missing or no date.
func (s *Store) lives() bson.E {
	return bson.E{Key: fieldExpires, Value: bson.D{{Key: "$gt", Value: date(s.now())}}}
}

// earliest and latest bound the expiries that are stored: beyond the year 9999 other
// languages fail to read them.
var (
	earliest = time.Unix(0, 0)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// date returns t as MongoDB takes it, no later than t.
func date(t time.Time) bson.DateTime {
	switch {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return bson.DateTime(t.UnixMilli())
}

func binary(data []byte) bson.Binary {
	if data == nil {
		data = []byte{} // nil would be stored as null
	}
	return bson.Binary{Data: data}
}

func version(data []byte) store.Version {
	sum := sha256.Sum256(data)
	return store.Version(hex.EncodeToString(sum[:]))
}

// record reads a document, whose bytes it does not keep. It reports false for what has
// no data, or of another type.
func record(doc bson.Raw) (r store.Record, ok bool) {
	_, data, ok := doc.Lookup(fieldData).BinaryOK()
	if !ok {
		return r, false
	}
	r.Data = append(r.Data, data...)
	if ms, ok := doc.Lookup(fieldExpires).DateTimeOK(); ok {
		r.Expires = time.UnixMilli(ms)
	}
	r.Owner, _ = doc.Lookup(fieldOwner).StringValueOK()
	r.Version = version(r.Data)
	return r, true
}

// wanted are the fields that record reads.
var wanted = bson.D{{Key: fieldID, Value: 1}, {Key: fieldData, Value: 1}, {Key: fieldExpires, Value: 1}, {Key: fieldOwner, Value: 1}}
