// Package mongostore keeps sessions in MongoDB 4.4 or later: on one server, in a
// replica set, or sharded.
//
// A record is a document in Flask-Session's layout: `id` is prefix and id, `val` the data as
// binary, `expiration` a date, to the millisecond, and `owner`, which is ours, its owner if it has
// one. A collection that Flask-Session made is used as it is, and Flask-Session reads and writes
// what this store makes.
//
// A record's version is the SHA-256 of its data. Replace and Delete compare the data itself on the
// server, so a write by another program, such as a Flask application, is noticed. Each call is one
// command, of a kind that the driver never repeats by itself, however the client is configured. If
// a record has changed, a second command tells why. Reads go to the primary. Reads and writes have
// majority concern unless [Options] say otherwise, so what was acknowledged survives a failover.
//
// Expiries are compared with this process's clock in every call. A TTL index lets the server remove
// expired records. If the server answers that it has none, as FerretDB 1 does, an index without TTL
// takes its place: call [Store.Sweep] then.
//
// The store lists by owner and lists all. It does not move records in one step, which would take a
// transaction, and so a replica set. The core then moves them in three.
package mongostore

import (
	"cmp"
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

// MaxRecord is the largest data of one record, in bytes: 4 KB less than 8 MB. More is
// [store.ErrTooLarge], and is not sent. MongoDB takes 16 MB in one command, and one that replaces a
// record has the old data and the new.
const MaxRecord = 8<<20 - 4<<10

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Collection is the collection's name. The default is "sessions", as that of
	// Flask-Session. Its default collation must be the simple one, which compares byte by byte.
	Collection string

	// Database is the database's name. The default is "flask_session", as that of
	// Flask-Session.
	Database string

	// ManualIndexes leaves the indexes to the caller, who calls [Store.Migrate] or makes them by
	// other means before the store is used. Without the unique one on `id`, Create cannot tell that
	// an id is taken, and sign-outs during sign-ins may be undone. By default the first Create of a
	// Store makes the indexes that are missing.
	ManualIndexes bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// Prefix begins all ids in the collection. The default is "session:", as that of
	// Flask-Session. At most 200 bytes of UTF-8, without control characters.
	Prefix string

	// ReadConcern is what reads must be confirmed by. The default is majority with a WriteConcern
	// of the majority, and local with any other: majority reads, which would not see the store's
	// own writes, are an error then. With less than majority, a read may return a record that a
	// failover then takes back.
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
	// in bytes: an index entry may have 1,024 on old servers, and an id has up to 255
	maxPrefix = 200
)

// Store is a [store.Store] in MongoDB. Make one with [New]. It is safe for concurrent use.
type Store struct {
	coll   *mongo.Collection
	conns  *connections // nil unless the client was opened by URL
	prefix string
	now    func() time.Time

	indexed  atomic.Bool   // the indexes are there, or left to the caller
	indexing chan struct{} // holds one while a call makes them
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
)

// New returns a store that uses client, which the caller disconnects. Its ServerSelectionTimeout
// and ConnectTimeout should be a second or two, as [Opener] sets them: otherwise calls whose
// context has no end wait for half a minute when no server is there.
//
// New makes no call. An option that is out of range is an error that names it.
func New(client *mongo.Client, opts Options) (*Store, error) {
	if client == nil {
		return nil, errors.New("mongostore: the client is nil")
	}
	if err := opts.fill(); err != nil {
		return nil, err
	}
	concerns := options.Collection().SetReadPreference(readpref.Primary()).
		SetReadConcern(opts.ReadConcern).SetWriteConcern(opts.WriteConcern)
	s := &Store{
		coll:     client.Database(opts.Database).Collection(opts.Collection, concerns),
		prefix:   opts.Prefix,
		now:      opts.Now,
		indexing: make(chan struct{}, 1),
	}
	s.indexed.Store(opts.ManualIndexes)
	return s, nil
}

// fill sets the defaults, and checks the rest.
func (o *Options) fill() error {
	o.Collection = cmp.Or(o.Collection, defaultCollection)
	o.Database = cmp.Or(o.Database, defaultDatabase)
	o.Prefix = cmp.Or(o.Prefix, defaultPrefix)
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
	quoted := func(text string) string { return fmt.Sprintf("%.300q", text) }
	level := o.ReadConcern.Level
	switch {
	case len(o.Database) > 63 || strings.ContainsAny(o.Database, "/\\. \"$*<>:|?\x00"):
		return wrong("Database", quoted(o.Database), "it must be a name of a database")
	case len(o.Collection) > 120, strings.ContainsAny(o.Collection, "$\x00"),
		strings.HasPrefix(o.Collection, "system."):
		return wrong("Collection", quoted(o.Collection), "it must be a name of a collection")
	case len(o.Prefix) > maxPrefix, !utf8.ValidString(o.Prefix),
		strings.ContainsFunc(o.Prefix, unicode.IsControl):
		return wrong("Prefix", quoted(o.Prefix),
			"it must be at most 200 bytes of UTF-8 without control characters")
	case !o.WriteConcern.Acknowledged():
		return wrong("WriteConcern", "unacknowledged", "no write would be known to be stored")
	case !confirmed && (level == "majority" || level == "snapshot"):
		return wrong("ReadConcern", level,
			"it would not see what Options.WriteConcern acknowledges, which is not the majority")
	}
	return nil
}

// wrong says what is wrong with an option.
func wrong(option, value, why string) error {
	return fmt.Errorf("mongostore: Options.%s is %s: %s", option, value, why)
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

// readable matches documents that record can read.
var readable = bson.E{Key: fieldData, Value: bson.D{{Key: "$type", Value: "binData"}}}

// lives matches live records. It matches none whose expiration is missing or no date.
func (s *Store) lives() bson.E {
	return bson.E{Key: fieldExpires, Value: bson.D{{Key: "$gt", Value: date(s.now())}}}
}

// earliest and latest bound the expiries that are stored: other languages fail to read those beyond
// the year 9999.
var (
	earliest = time.Unix(0, 0)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// date returns t as MongoDB takes it, rounded down.
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

// record reads a document, whose bytes it does not keep. It reports false if the data is missing or
// of another type.
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
var wanted = bson.D{
	{Key: fieldID, Value: 1}, {Key: fieldData, Value: 1},
	{Key: fieldExpires, Value: 1}, {Key: fieldOwner, Value: 1},
}
