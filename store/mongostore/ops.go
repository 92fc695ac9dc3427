package mongostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/store"
)

// The writes here are commands for many documents, of which one matches, since an id is unique.
// After a lost connection the driver repeats commands for one document, unless its client was told
// otherwise, and never those for many.

// Load implements [store.Store]. A document without a date in `expiration` is no record. One
// without binary data in `val` cannot be read.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	var doc bson.Raw
	err := s.again(ctx, func() (err error) {
		doc, err = s.coll.FindOne(ctx, s.live(id), options.FindOne().SetProjection(wanted)).Raw()
		return err
	})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return store.Record{}, store.ErrNotFound
	case err != nil:
		return store.Record{}, failed("load", err)
	}
	r, ok := record(doc)
	if !ok {
		return store.Record{}, store.ErrUnreadable
	}
	return r, nil
}

// Create implements [store.Store]. It is one upsert: it takes the place of an expired record, or of
// one that cannot be read, and fails by the unique index if there is a live one. The first Create
// also makes the indexes that are missing, see [Options.ManualIndexes].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	if err := tooLarge("create", len(r.Data), MaxRecord); err != nil {
		return "", err
	}
	if err := s.ensure(ctx); err != nil {
		return "", fmt.Errorf("mongostore: create: %w", err)
	}
	filter := bson.D{{Key: fieldID, Value: s.prefix + id}, {Key: "$or", Value: bson.A{
		bson.D{{Key: fieldExpires, Value: bson.D{{Key: "$not", Value: s.lives().Value}}}},
		bson.D{{Key: fieldData, Value: bson.D{{Key: "$not", Value: readable.Value}}}},
	}}}
	err := s.again(ctx, func() error {
		_, err := s.coll.UpdateMany(ctx, filter, update(r), options.UpdateMany().SetUpsert(true))
		return err
	})
	switch {
	case mongo.IsDuplicateKeyError(err):
		return "", store.ErrExists
	case err != nil:
		return "", failed("create", err)
	}
	return version(r.Data), nil
}

// Replace implements [store.Store]. The sum of the data of old and next must not exceed twice
// [MaxRecord].
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	if err := tooLarge("replace", len(next.Data), MaxRecord); err != nil {
		return "", err
	}
	both := len(old.Data) + len(next.Data)
	if err := tooLarge("replace: sum of old and new", both, 2*MaxRecord); err != nil {
		return "", err
	}
	res, err := s.update(ctx, s.exactly(id, old), update(next))
	if err != nil {
		return "", failed("replace", err)
	}
	if res.MatchedCount == 0 { // not ModifiedCount: next may equal old
		return "", s.missed(ctx, "replace", id)
	}
	return version(next.Data), nil
}

// Touch implements [store.Store].
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	expiry := bson.D{{Key: fieldExpires, Value: date(expires)}}
	filter := append(s.live(id), readable)
	res, err := s.update(ctx, filter, bson.D{{Key: "$set", Value: expiry}})
	switch {
	case err != nil:
		return failed("touch", err)
	case res.MatchedCount > 0:
		return nil
	}
	if err = s.missed(ctx, "touch", id); errors.Is(err, store.ErrConflict) {
		err = store.ErrNotFound // it was created after the update
	}
	return err
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	filter := s.live(id)
	if r.Version != "" {
		filter = s.exactly(id, r)
	}
	var res *mongo.DeleteResult
	err := s.again(ctx, func() (err error) {
		res, err = s.coll.DeleteMany(ctx, filter)
		return err
	})
	switch {
	case err != nil:
		return failed("delete", err)
	case res.DeletedCount > 0:
		return nil
	case r.Version == "":
		return store.ErrNotFound
	}
	return s.missed(ctx, "delete", id)
}

func (s *Store) update(
	ctx context.Context, filter, change bson.D,
) (res *mongo.UpdateResult, err error) {
	err = s.again(ctx, func() (err error) {
		res, err = s.coll.UpdateMany(ctx, filter, change)
		return err
	})
	return res, err
}

// exactly matches the record r if it is live under id. It compares the data, which other programs
// change, too.
func (s *Store) exactly(id string, r store.Record) bson.D {
	return append(s.live(id), bson.E{Key: fieldData, Value: binary(r.Data)})
}

// update stores r's data, expiry and owner, and leaves other fields as they are.
func update(r store.Record) bson.D {
	set := bson.D{
		{Key: fieldData, Value: binary(r.Data)}, {Key: fieldExpires, Value: date(r.Expires)},
	}
	if r.Owner == "" {
		unset := bson.D{{Key: fieldOwner, Value: ""}}
		return bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: unset}}
	}
	return bson.D{{Key: "$set", Value: append(set, bson.E{Key: fieldOwner, Value: r.Owner})}}
}

// missed tells why a write matched no record.
func (s *Store) missed(ctx context.Context, op, id string) error {
	dataOnly := options.FindOne().SetProjection(bson.D{{Key: fieldData, Value: 1}})
	doc, err := s.coll.FindOne(ctx, s.live(id), dataOnly).Raw()
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return store.ErrNotFound
	case err != nil:
		return failed(op, err)
	}
	if _, _, ok := doc.Lookup(fieldData).BinaryOK(); !ok {
		return store.ErrUnreadable
	}
	return store.ErrConflict
}

func tooLarge(op string, size, most int) error {
	if size > most {
		return fmt.Errorf("mongostore: %s: %w: %d bytes, the most is %d",
			op, store.ErrTooLarge, size, most)
	}
	return nil
}
