// Package dynamodbstore keeps sessions in Amazon DynamoDB: there is no server to run, and nothing
// acknowledged is lost.
//
// A record is an item of Flask-Session's layout: id (S, the hash key: prefix and id), val (B), and
// expiration (N, in seconds of Unix time), and, which is ours, owner (S) if it has one. A table
// that Flask-Session made works as it is, and [Store.CreateTable] makes one. Reads are strongly
// consistent, writes are conditional. The version of a record is the SHA-256 of its data. Writes
// compare the data itself, so a write by another program, such as a Flask application, is noticed.
//
// Expiries are whole seconds, rounded up, as DynamoDB's own removal of expired items (TTL) needs
// them. That may be two days late, so the store compares expiries in every call, with the clock of
// its own process. Keep the machines' clocks within some seconds of each other. Without TTL, sweep.
//
// The store lists by owner and lists all, moves records in one step (a transaction), and sweeps.
//
// An owner's index is one item of the same table: under prefix, "owner→" and the hashed owner,
// which no record has as its key, since ids are ASCII. Its map "ids" leads from each id to when its
// entry was written and when it may be removed. There is no secondary index, since those are
// eventually consistent, and would miss sessions that begin during a revocation. An item has room
// for the entries of about 4,700 sessions of one owner, see [MaxItem].
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

// MaxItem is the largest item of DynamoDB, in bytes, names of attributes included. A record whose
// item would be larger is [store.ErrTooLarge], and is not sent; so is one whose owner's index is
// full. About 400,000 bytes of data always fit.
const MaxItem = 400 << 10

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Now is the clock by which records expire. The default is [time.Now].
	Now func() time.Time

	// Prefix begins the keys of all items: at most 1,000 bytes of UTF-8. The default is "session:",
	// as that of Flask-Session. Listing all and sweeping take every item whose key begins with it
	// for a record, so keys of other data must not.
	Prefix string

	// Table is the name of the table, or its ARN. The default is "Sessions", as that of
	// Flask-Session.
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

	reading func(*dynamodb.Options) // for calls that may be repeated
	writing func(*dynamodb.Options) // for others

	withoutMoves atomic.Bool // the server has no transactions
}

var _ store.FullStore = (*Store)(nil)

var tableName = regexp.MustCompile(
	`^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]+:table/)?[A-Za-z0-9_.-]{3,255}$`)

// New returns a store that uses client. It makes no call; [Store.Ping] does.
//
// The store has its own rules for repeating calls, whatever those of the client are: a write is
// repeated only if DynamoDB says that it wrote nothing, as when it throttles. Give the client an
// HTTP client that gives up dialing and waiting for an answer after about a second, as [Opener]
// does: otherwise requests wait until their own time limit when the network hangs. DynamoDB
// Accelerator (DAX) cannot be used: it serves stale reads.
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
	case len(opts.Prefix) > maxPrefix || !utf8.ValidString(opts.Prefix):
		return nil, fmt.Errorf("dynamodbstore: Options.Prefix is %.300q: "+
			"it must be at most %d bytes of UTF-8", opts.Prefix, maxPrefix)
	case !tableName.MatchString(opts.Table):
		return nil, fmt.Errorf("dynamodbstore: Options.Table is %.300q: it must be "+
			"3 to 255 letters, digits, '_', '-' and '.', or an ARN", opts.Table)
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

// Ping reads from the table, and returns what is wrong: the table is missing or has another key,
// the server does not answer, or the credentials do not suffice.
func (s *Store) Ping(ctx context.Context) error {
	noItem := key(s.ownerKey(""))
	_, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: s.table, Key: noItem, ConsistentRead: aws.Bool(true),
	}, s.reading)
	return failed("ping", err)
}
