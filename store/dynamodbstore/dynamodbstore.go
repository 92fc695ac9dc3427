// Package dynamodbstore keeps sessions in Amazon DynamoDB: nothing to run, and nothing
// lost that was acknowledged.
//
// A record is an item of Flask-Session's layout: id (S, the hash key: prefix and id),
// val (B), and expiration (N, in seconds of Unix time), with owner (S) added where
// there is one. A table that Flask-Session made works as it is, and [Store.CreateTable]
// makes one. Reads are strongly consistent, writes are conditional. The version of a
// record is the SHA-256 of its data, and what a write compares is the data itself, so a
// write by anybody, such as a Flask application, is noticed.
//
// Expiries are whole seconds, rounded up: what DynamoDB's own removal of expired items
// (TTL) is documented to take. It may remove them two days late, so the store compares
// expiries itself in every call, by the clock of its own process. Keep the machines'
// clocks within some seconds of each other. Where TTL is off, sweep.
//
// The store lists by owner and lists all, moves records in one step (a transaction),
// and sweeps.
//
// An owner's index is one item of the same table: under prefix, "owner→" and the hashed
// owner, a key that no id makes, since ids are ASCII. Its map "ids" leads from ids to
// when the entry was written and when it may be forgotten. There is no secondary index,
// since those are eventually consistent, and would miss sessions that begin while they
// are revoked. An item has room for the entries of about 4,700 sessions of one owner,
// see [MaxItem].
//
// docs/stores/dynamodb.md tells what each call costs and which rights it needs.
package dynamodbstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cloakroom-go/cloakroom/store"
)

// MaxItem is the largest item of DynamoDB, in bytes, names of attributes included. A
// record whose item would be larger is [store.ErrTooLarge], before anything is sent,
// and so is one whose owner's index is full. About 400,000 bytes of data always fit.
const MaxItem = 400 << 10

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Now is the clock by which records expire. The default is [time.Now].
	Now func() time.Time

	// Prefix begins the keys of all items. The default is "session:", which is
	// Flask-Session's. At most 1,000 bytes of UTF-8. Listing all and sweeping take
	// every item whose key begins with it for a record, so no other data may.
	Prefix string

	// Table is the name of the table, or its ARN. The default is "Sessions", which is
	// Flask-Session's.
	Table string
}

const (
	defaultPrefix = "session:"
	defaultTable  = "Sessions"
	defaultPage   = 100
	maxPage       = 1000
	maxPrefix     = 1000
)

// Store is a [store.Store] in DynamoDB. Make one with [New]. It is safe for concurrent use.
type Store struct {
	client *dynamodb.Client
	now    func() time.Time
	prefix string
	table  *string

	reading func(*dynamodb.Options) // what calls that may be repeated are made with
	writing func(*dynamodb.Options) // and what others are

	withoutMoves atomic.Bool // the server has no transactions
}

var _ store.FullStore = (*Store)(nil)

var tableName = regexp.MustCompile(`^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]+:table/)?[A-Za-z0-9_.-]{3,255}$`)

// New returns a store that uses client, which stays the caller's. It makes no call; [Store.Ping] does.
//
// The store brings its own rules of repeating calls, whatever those of the client are:
// a write is repeated only when DynamoDB says that it wrote nothing, such as when it
// throttles. Give the client an HTTP client that stops dialing and waiting for an
// answer after about a second, as [Opener] does, or requests wait out their own time
// limit when the network hangs. DynamoDB Accelerator (DAX) does not do: it serves stale
// reads.
//
// An option out of range is an error that names it.
func New(client *dynamodb.Client, opts Options) (*Store, error) {
	if client == nil {
		return nil, errors.New("dynamodbstore: the client is nil")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Prefix == "" {
		opts.Prefix = defaultPrefix
	}
	if opts.Table == "" {
		opts.Table = defaultTable
	}
	switch {
	case len(opts.Prefix) > maxPrefix:
		return nil, fmt.Errorf("dynamodbstore: Options.Prefix has %d bytes: it may have %d", len(opts.Prefix), maxPrefix)
	case !utf8.ValidString(opts.Prefix):
		return nil, fmt.Errorf("dynamodbstore: Options.Prefix is %q, want UTF-8", opts.Prefix)
	case !tableName.MatchString(opts.Table):
		return nil, fmt.Errorf("dynamodbstore: Options.Table is %.300q: want 3 to 255 letters, digits, '_', '-' and '.', or an ARN", opts.Table)
	}
	reads, writes := readRetryer(), writeRetryer()
	return &Store{
		client:  client,
		now:     opts.Now,
		prefix:  opts.Prefix,
		table:   aws.String(opts.Table),
		reading: func(o *dynamodb.Options) { o.Retryer, o.RetryMaxAttempts = reads, 0 },
		writing: func(o *dynamodb.Options) { o.Retryer, o.RetryMaxAttempts = writes, 0 },
	}, nil
}

// Ping reads from the table, and returns what is wrong: the table is not there or has
// another key, the server does not answer, or the credentials do not do.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: s.table, Key: key(s.ownerKey("")), ConsistentRead: aws.Bool(true), // nobody's
	}, s.reading)
	return failed("ping", err)
}
