package mongostore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	defaultPage = 100
	maxPage     = 1000
	maxPageData = 16 << 20 // in bytes: a page ends with the record that reaches it
)

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

// Owned implements [store.OwnerLister]. A page has at most limit entries, or 1,000;
// zero means 100. It is shorter when its records hold more than 16 MB. The owner is a
// field of the record itself, so there is no entry without a record.
func (s *Store) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	return s.list(ctx, bson.D{{Key: fieldOwner, Value: owner}}, cursor, limit, true)
}

// All implements [store.Lister]. Pages are as those of [Store.Owned].
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	return s.list(ctx, nil, cursor, limit, false)
}

// list returns the live records that match, in the order of their ids, so that a cursor, the last
// id of a page, stays good whatever comes and goes. A record that cannot be read is an entry
// without one if damaged is set.
func (s *Store) list(
	ctx context.Context, match bson.D, cursor string, limit int, damaged bool,
) (page []store.Entry, next string, err error) {
	limit = pageSize(limit)
	after := bson.E{Key: "$gt", Value: s.prefix + cursor}
	filter := append(match, bson.E{Key: fieldID, Value: bson.D{after, s.below()}}, s.lives())
	byID := bson.D{{Key: fieldID, Value: 1}}
	opts := options.Find().SetProjection(wanted).SetSort(byID).SetLimit(int64(limit))
	cur, err := s.coll.Find(ctx, filter, opts)
	if err != nil {
		return nil, "", failed("list", err)
	}
	defer func() {
		if cerr := cur.Close(ctx); cerr != nil && err == nil {
			page, next, err = nil, "", failed("list", cerr)
		}
	}()
	data, rows := 0, 0
	for cur.Next(ctx) {
		id, ok := cur.Current.Lookup(fieldID).StringValueOK()
		if !ok || len(id) <= len(s.prefix) {
			return nil, "", errors.New("mongostore: list: a document does not match the query")
		}
		e := store.Entry{ID: id[len(s.prefix):]}
		if r, ok := record(cur.Current); ok {
			e.Record = r
		}
		if e.Record.Version != "" || damaged {
			page = append(page, e)
		}
		rows++
		if data += len(e.Record.Data); rows == limit || data >= maxPageData {
			return page, e.ID, nil
		}
	}
	if err := cur.Err(); err != nil {
		return nil, "", failed("list", err)
	}
	return page, "", nil
}

// below bounds the ids that begin with the prefix: no character sorts after utf8.MaxRune.
func (s *Store) below() bson.E {
	return bson.E{Key: "$lt", Value: s.prefix + string(utf8.MaxRune)}
}

// Sweep implements [store.Sweeper]. A call finds at most limit expired records, or 1,000, and
// removes them in one command; zero means 100. A sweep removes what had expired when it began. With
// a TTL index there is little to do: the server removes expired records about once a minute.
func (s *Store) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	limit = pageSize(limit)
	until, calls := date(s.now()), uint64(0)
	if cursor != "" {
		ms, n, _ := strings.Cut(cursor, ":")
		at, err1 := strconv.ParseInt(ms, 10, 64)
		n64, err2 := strconv.ParseUint(n, 10, 64)
		if err1 != nil || err2 != nil {
			return 0, "", fmt.Errorf("mongostore: sweep: bad cursor %q", cursor)
		}
		until, calls = min(until, bson.DateTime(at)), n64
	}
	expired := bson.E{Key: fieldExpires, Value: bson.D{{Key: "$lte", Value: until}}}
	ours := bson.E{Key: fieldID, Value: bson.D{{Key: "$gte", Value: s.prefix}, s.below()}}
	opts := options.Find().SetProjection(keyOnly).SetLimit(int64(limit))
	cur, err := s.coll.Find(ctx, bson.D{expired, ours}, opts)
	if err != nil {
		return 0, "", failed("sweep", err)
	}
	var found []struct {
		Key bson.RawValue `bson:"_id"`
	}
	if err := cur.All(ctx, &found); err != nil {
		return 0, "", failed("sweep", err)
	}
	if len(found) == 0 {
		return 0, "", nil
	}
	keys := make(bson.A, len(found))
	for i, f := range found {
		keys[i] = f.Key
	}
	// Match the expiry again: a record may have been created in an expired one's place.
	these := bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}
	res, err := s.coll.DeleteMany(ctx, bson.D{these, expired})
	if err != nil {
		return 0, "", failed("sweep", err)
	}
	next := ""
	if len(found) == limit {
		next = fmt.Sprintf("%d:%d", until, calls+1)
	}
	return int(res.DeletedCount), next, nil
}

// RemoveDuplicates removes, of several documents with one id, all but the one that is read: the
// first in the collection's own order. A collection that Flask-Session made without a unique index
// may have some, and [Store.Migrate] then fails. Documents count whose id begins with the prefix,
// and that have `val` and `expiration`. It returns how many it removed, also with an error. Call it
// while no program writes.
func (s *Store) RemoveDuplicates(ctx context.Context) (int, error) {
	removed := 0
	for {
		ids, err := s.duplicates(ctx)
		if err != nil || len(ids) == 0 {
			return removed, err
		}
		before := removed
		for _, id := range ids {
			n, err := s.removeDuplicatesOf(ctx, id)
			removed += n
			if err != nil {
				return removed, err
			}
		}
		if removed == before {
			return removed, errors.New("mongostore: remove duplicates: some cannot be removed")
		}
	}
}

// keyOnly projects to MongoDB's own key of a document.
var keyOnly = bson.D{{Key: "_id", Value: 1}}

// sessions matches what looks like a session's document.
func (s *Store) sessions() bson.D {
	exists := bson.D{{Key: "$exists", Value: true}}
	return bson.D{
		{Key: fieldID, Value: bson.D{{Key: "$gte", Value: s.prefix}, s.below()}},
		{Key: fieldData, Value: exists}, {Key: fieldExpires, Value: exists},
	}
}

// duplicates returns some ids that several documents have.
func (s *Store) duplicates(ctx context.Context) ([]string, error) {
	stage := func(name string, value any) bson.D { return bson.D{{Key: name, Value: value}} }
	count := bson.E{Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}
	cur, err := s.coll.Aggregate(ctx, []bson.D{
		stage("$match", s.sessions()),
		stage("$group", bson.D{{Key: "_id", Value: "$" + fieldID}, count}),
		stage("$match", bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 1}}}}),
		stage("$limit", maxPage),
	}, options.Aggregate().SetAllowDiskUse(true))
	if err != nil {
		return nil, failed("find duplicates", err)
	}
	var found []struct {
		ID string `bson:"_id"`
	}
	if err := cur.All(ctx, &found); err != nil {
		return nil, failed("find duplicates", err)
	}
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.ID
	}
	return ids, nil
}

func (s *Store) removeDuplicatesOf(ctx context.Context, id string) (int, error) {
	match := append(s.sessions(), bson.E{Key: fieldID, Value: id})[1:]
	first, err := s.coll.FindOne(ctx, match, options.FindOne().SetProjection(keyOnly)).Raw()
	if err != nil {
		return 0, failed("remove duplicates", err)
	}
	others := bson.E{Key: "_id", Value: bson.D{{Key: "$ne", Value: first.Lookup("_id")}}}
	res, err := s.coll.DeleteMany(ctx, append(match, others))
	if err != nil {
		return 0, failed("remove duplicates", err)
	}
	return int(res.DeletedCount), nil
}
