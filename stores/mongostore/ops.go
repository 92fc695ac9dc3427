package mongostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom"
)

// The writes here are those of many documents, which mean one all the same, as an id is unique: the driver
// repeats those of one document by itself after a lost connection, unless its client was told otherwise, and
// never those of many.

// Load implements [cloakroom.Store]. A document without a date in `expiration` is no record, and
// one without binary data in `val` cannot be read.
func (s *Store) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	var doc bson.Raw
	err := s.again(ctx, func() (err error) {
		doc, err = s.coll.FindOne(ctx, s.live(id), options.FindOne().SetProjection(wanted)).Raw()
		return err
	})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return cloakroom.Record{}, cloakroom.ErrNotFound
	case err != nil:
		return cloakroom.Record{}, failed("load", err)
	}
	r, ok := record(doc)
	if !ok {
		return cloakroom.Record{}, cloakroom.ErrUnreadable
	}
	return r, nil
}

// Create implements [cloakroom.Store]. It is one upsert of what is not live under the id: it takes
// the place of an expired record, or of one that cannot be read, and meets the unique index where a
// live one is. The first Create also makes sure of the indexes, see [Options.ManualIndexes].
func (s *Store) Create(ctx context.Context, id string, r cloakroom.Record) (cloakroom.Version, error) {
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
		return "", cloakroom.ErrExists
	case err != nil:
		return "", failed("create", err)
	}
	return version(r.Data), nil
}

// Replace implements [cloakroom.Store]. The data of old and new together must not exceed twice [MaxRecord].
func (s *Store) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	if err := tooLarge("replace", len(new.Data), MaxRecord); err != nil {
		return "", err
	}
	if err := tooLarge("replace: old and new together", len(old.Data)+len(new.Data), 2*MaxRecord); err != nil {
		return "", err
	}
	res, err := s.update(ctx, s.exactly(id, old), update(new))
	if err != nil {
		return "", failed("replace", err)
	}
	if res.MatchedCount == 0 { // not ModifiedCount: new may equal old
		return "", s.missed(ctx, "replace", id)
	}
	return version(new.Data), nil
}

// Touch implements [cloakroom.Store].
func (s *Store) Touch(ctx context.Context, id string, _ cloakroom.Record, expires time.Time) error {
	res, err := s.update(ctx, append(s.live(id), readable), bson.D{{Key: "$set", Value: bson.D{{Key: fieldExpires, Value: date(expires)}}}})
	switch {
	case err != nil:
		return failed("touch", err)
	case res.MatchedCount > 0:
		return nil
	}
	if err = s.missed(ctx, "touch", id); errors.Is(err, cloakroom.ErrConflict) {
		err = cloakroom.ErrNotFound // it came only now
	}
	return err
}

// Delete implements [cloakroom.Store].
func (s *Store) Delete(ctx context.Context, id string, r cloakroom.Record) error {
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
		return cloakroom.ErrNotFound
	}
	return s.missed(ctx, "delete", id)
}

func (s *Store) update(ctx context.Context, filter, change bson.D) (res *mongo.UpdateResult, err error) {
	err = s.again(ctx, func() (err error) {
		res, err = s.coll.UpdateMany(ctx, filter, change)
		return err
	})
	return res, err
}

// exactly matches the record r if it is live under id: by what it holds, which a foreign writer changes, too.
func (s *Store) exactly(id string, r cloakroom.Record) bson.D {
	return append(s.live(id), bson.E{Key: fieldData, Value: binary(r.Data)})
}

// update stores r's data, expiry and owner, and leaves other fields as they are.
func update(r cloakroom.Record) bson.D {
	set := bson.D{{Key: fieldData, Value: binary(r.Data)}, {Key: fieldExpires, Value: date(r.Expires)}}
	if r.Owner == "" {
		return bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: bson.D{{Key: fieldOwner, Value: ""}}}}
	}
	return bson.D{{Key: "$set", Value: append(set, bson.E{Key: fieldOwner, Value: r.Owner})}}
}

// missed tells why a write matched no record.
func (s *Store) missed(ctx context.Context, op, id string) error {
	doc, err := s.coll.FindOne(ctx, s.live(id), options.FindOne().SetProjection(bson.D{{Key: fieldData, Value: 1}})).Raw()
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return cloakroom.ErrNotFound
	case err != nil:
		return failed(op, err)
	}
	if _, _, ok := doc.Lookup(fieldData).BinaryOK(); !ok {
		return cloakroom.ErrUnreadable
	}
	return cloakroom.ErrConflict
}

func tooLarge(op string, size, most int) error {
	if size > most {
		return fmt.Errorf("mongostore: %s: %w: %d bytes, the most is %d", op, cloakroom.ErrTooLarge, size, most)
	}
	return nil
}
