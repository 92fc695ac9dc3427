package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/store"
)

// ErrDuplicates is what [Store.Migrate] fails with when several documents have one id.
var ErrDuplicates = errors.New("several documents have the same id")

// Migrate makes the indexes that are not there yet, and the collection with them:
//
//   - a unique one on `id`;
//   - a TTL index on `expiration`, as Flask-Session makes it, or one without TTL if the server does
//     not have that; any other index on `expiration` is left as it is;
//   - one on `owner` and `id`.
//
// An equivalent index under another name does, too. If all are there, no right to make one is
// needed.
//
// On a collection with many sessions this takes a while, and the server goes on when ctx ends. If
// several documents have one id, it fails with [ErrDuplicates] and has removed nothing: call
// [Store.RemoveDuplicates]. Migrate may be called at any time, by several processes at once. Call
// it before the first use of a collection that a Flask application has filled, or the first
// sign-ins wait for it in vain.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("mongostore: migrate: %w", err)
	}
	s.indexed.Store(true)
	return nil
}

// ensure makes the missing indexes once. Of several callers one does, and the others wait.
func (s *Store) ensure(ctx context.Context) error {
	if s.indexed.Load() {
		return nil
	}
	select {
	case s.indexing <- struct{}{}:
		defer func() { <-s.indexing }()
	case <-ctx.Done():
		return fmt.Errorf("indexes: %w", ctx.Err())
	}
	if s.indexed.Load() {
		return nil
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.indexed.Store(true)
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	byID := bson.D{{Key: fieldID, Value: 1}}
	byExpiry := bson.D{{Key: fieldExpires, Value: 1}}
	have, err := s.present(ctx)
	if err == nil && !have.id {
		err = s.index(ctx, byID, options.Index().SetUnique(true))
	}
	switch {
	case s.refusedDuplicates(ctx, err):
		return fmt.Errorf("the index on %s: %w: see Store.RemoveDuplicates", fieldID, ErrDuplicates)
	case hasCode(err, codeIndexOptions), hasCode(err, codeIndexKeySpecs):
		return fmt.Errorf("an index on %s is not unique, or unlike: drop it first", fieldID)
	case err != nil:
		return described("the index on "+fieldID, err)
	}
	if !have.expires {
		err = s.index(ctx, byExpiry, options.Index().SetExpireAfterSeconds(0))
	}
	if hasCode(err, codeNotImplemented) || hasCode(err, codeCommandNotSupported) {
		err = s.index(ctx, byExpiry, nil)
	}
	if err != nil && !hasCode(err, codeIndexOptions) && !hasCode(err, codeIndexKeySpecs) {
		return described("the index on "+fieldExpires, err)
	}
	if have.owner {
		return nil
	}
	byOwner := bson.D{{Key: fieldOwner, Value: 1}, {Key: fieldID, Value: 1}}
	if err := s.index(ctx, byOwner, nil); err != nil {
		return described("the index on "+fieldOwner, err)
	}
	return nil
}

// indexes says which of the indexes are there, under any names.
type indexes struct{ id, expires, owner bool }

// present returns which indexes the collection has: none, if the right to list them is missing.
func (s *Store) present(ctx context.Context) (have indexes, err error) {
	const unauthorized = 13
	cur, err := s.coll.Indexes().List(ctx)
	if err != nil {
		if hasCode(err, unauthorized) {
			err = nil
		}
		return have, err
	}
	defer cur.Close(ctx) //nolint:errcheck // Err says what went wrong
	for cur.Next(ctx) {
		have.add(cur.Current)
	}
	return have, cur.Err()
}

// add notes what an index, by its description, is good for.
func (have *indexes) add(index bson.Raw) {
	keys, ok := index.Lookup("key").DocumentOK()
	if !ok || has(index, "partialFilterExpression") || has(index, "collation") {
		return
	}
	fields, err := keys.Elements()
	if err != nil || len(fields) == 0 || !ascending(fields[0]) {
		return
	}
	unique, _ := index.Lookup("unique").BooleanOK()
	switch first := fields[0].Key(); {
	case first == fieldID && len(fields) == 1 && unique:
		have.id = true
	case first == fieldExpires:
		have.expires = true
	case first == fieldOwner && (len(fields) == 1 || fields[1].Key() == fieldID):
		have.owner = true
	}
}

func has(doc bson.Raw, name string) bool {
	_, err := doc.LookupErr(name)
	return err == nil
}

// ascending reports whether a key of an index is ordered, and neither hashed nor of text.
func ascending(key bson.RawElement) bool {
	n, ok := key.Value().AsInt64OK()
	return ok && n == 1
}

// refusedDuplicates reports whether a unique index was refused for duplicates, also by a server
// that has another code for that.
func (s *Store) refusedDuplicates(ctx context.Context, err error) bool {
	if hasCode(err, codeDuplicate) {
		return true
	}
	if !hasCode(err, codeInternal) {
		return false
	}
	ids, err := s.duplicates(ctx)
	return err == nil && len(ids) > 0
}

func (s *Store) index(ctx context.Context, keys bson.D, opts *options.IndexOptionsBuilder) error {
	_, err := s.coll.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: keys, Options: opts})
	return err
}

// described is failed for an error inside of another one.
func described(what string, err error) error {
	text, answered := said(err)
	switch {
	case refused(err):
		return fmt.Errorf("%s: %w: %s", what, store.ErrRefused, text)
	case answered:
		return fmt.Errorf("%s: %s", what, text)
	}
	return fmt.Errorf("%s: %w", what, err)
}
