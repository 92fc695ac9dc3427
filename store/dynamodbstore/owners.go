package dynamodbstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/cloakroom-go/cloakroom/store"
)

// forgetAfter is how long an entry without a record is kept: twice the time that is needed, since
// the clock of the machine that wrote it may be slow.
const forgetAfter = 2 * store.IndexGrace

const (
	indexTries = 8   // to write an entry while others write the same item
	pruneMost  = 140 // entries that a call removes: an expression may have 300 operators and 4 KB
)

// indexed is an entry of an owner's index: when it was written, and the latest end of its session,
// both in seconds. It is stored as "written until".
type indexed struct{ id, entry string }

func (s *Store) entry(r store.Record) (entry string, until int64) {
	until = latest // when the deadline is unknown
	if !r.Deadline.IsZero() {
		until = max(seconds(r.Deadline), seconds(r.Expires))
	}
	return fmt.Sprintf("%d %d", s.now().Unix(), until), until
}

func (x indexed) times() (written, until int64, ok bool) {
	w, u, _ := strings.Cut(x.entry, " ")
	written, err1 := strconv.ParseInt(w, 10, 64)
	until, err2 := strconv.ParseInt(u, 10, 64)
	return written, until, err1 == nil && err2 == nil
}

// forgettable reports whether the entry may be removed if it has no record: it belongs to no commit
// under way, or is not an entry of ours.
func (x indexed) forgettable(now time.Time) bool {
	written, _, ok := x.times()
	return !ok || now.Sub(time.Unix(written, 0)) > forgetAfter
}

// over reports whether the entry's session has ended, with or without a record.
func (x indexed) over(now time.Time) bool {
	_, until, ok := x.times()
	return x.forgettable(now) && (!ok || now.Sub(time.Unix(min(until, latest), 0)) > forgetAfter)
}

// index writes the entry of id in the index of next's owner, unless old's entry is the same. Call
// it before the record is written, so that the index never misses a live session.
func (s *Store) index(ctx context.Context, id string, old, next store.Record) error {
	if next.Owner == "" || next.Owner == old.Owner && next.Deadline.Equal(old.Deadline) {
		return nil
	}
	before, err := s.add(ctx, id, next)
	var api smithy.APIError
	if errors.As(err, &api) && tooLarge(api) {
		if err := s.makeRoom(ctx, next.Owner); err != nil {
			return err
		}
		before, err = s.add(ctx, id, next)
	}
	if err != nil {
		return err
	}
	s.prune(ctx, next.Owner, slices.DeleteFunc(entries(before), func(x indexed) bool {
		return x.id == id || !x.over(s.now())
	}))
	return nil
}

// add writes an entry, and lets the item live as long as its entries. It returns the item as it
// was.
func (s *Store) add(ctx context.Context, id string, r store.Record) (before item, err error) {
	entry, until := s.entry(r)
	ending := min(until+int64(forgetAfter/time.Second), latest)
	end := number(strconv.FormatInt(ending, 10))
	in := dynamodb.UpdateItemInput{
		TableName:                           s.table,
		Key:                                 key(s.ownerKey(r.Owner)),
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: returnOld,
	}
	// Begin with the case that is the most frequent: the index is there and ends earlier.
	later, there := false, true
	for attempt := 1; ; attempt++ {
		in.ExpressionAttributeNames = map[string]string{"#id": id}
		in.ExpressionAttributeValues = item{":entry": text(entry), ":end": end}
		switch {
		case !there:
			in.ConditionExpression = aws.String("attribute_not_exists(ids)")
			in.UpdateExpression = aws.String("SET ids = :first, expiration = :end")
			in.ExpressionAttributeNames = nil
			first := &types.AttributeValueMemberM{Value: item{id: text(entry)}}
			in.ExpressionAttributeValues = item{":first": first, ":end": end}
		case later:
			in.ConditionExpression = aws.String("attribute_exists(ids) AND expiration > :end")
			in.UpdateExpression = aws.String("SET ids.#id = :entry")
		default:
			in.ConditionExpression = aws.String("attribute_exists(ids) AND NOT (expiration > :end)")
			in.UpdateExpression = aws.String("SET ids.#id = :entry, expiration = :end")
		}
		out, err := s.client.UpdateItem(ctx, &in, s.writing)
		if err == nil {
			return out.Attributes, nil
		}
		found, other := unmet(err)
		if !other || attempt == indexTries {
			return nil, err
		}
		_, there = found[attrIDs]
		ends, ok := expiryOf(found)
		later = ok && ends.After(time.Unix(ending, 0))
	}
}

// unindex removes the entry of id, whose record is gone or has another owner. If that fails, a
// listing removes it later.
func (s *Store) unindex(ctx context.Context, id, owner string) {
	if owner == "" {
		return
	}
	_, _ = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:        s.table,
		Key:              key(s.ownerKey(owner)),
		UpdateExpression: aws.String("REMOVE ids.#id"),
		// or the update would make an item
		ConditionExpression:      aws.String("attribute_exists(ids.#id)"),
		ExpressionAttributeNames: map[string]string{"#id": id},
	}, s.writing)
}

// prune removes entries, unless they were written anew. If that fails, a later call finds them.
func (s *Store) prune(ctx context.Context, owner string, stale []indexed) {
	for chunk := range slices.Chunk(stale, pruneMost) {
		names, values := map[string]string{}, item{}
		var paths, unchanged []string
		for i, x := range chunk {
			n := strconv.Itoa(i)
			names["#"+n], values[":"+n] = x.id, text(x.entry)
			paths, unchanged = append(paths, "ids.#"+n), append(unchanged, "ids.#"+n+" = :"+n)
		}
		_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 s.table,
			Key:                       key(s.ownerKey(owner)),
			UpdateExpression:          aws.String("REMOVE " + strings.Join(paths, ", ")),
			ConditionExpression:       aws.String(strings.Join(unchanged, " AND ")),
			ExpressionAttributeNames:  names,
			ExpressionAttributeValues: values,
		}, s.writing)
		if _, changed := unmet(err); err != nil && !changed {
			return
		}
	}
}

// entries returns the entries of an owner's index, in the order of their ids.
func entries(it item) []indexed {
	ids, ok := it[attrIDs].(*types.AttributeValueMemberM)
	if !ok {
		return nil
	}
	all := make([]indexed, 0, len(ids.Value))
	for id, v := range ids.Value {
		all = append(all, indexed{id, textOf(v)})
	}
	slices.SortFunc(all, func(a, b indexed) int { return strings.Compare(a.id, b.id) })
	return all
}

func (s *Store) readIndex(ctx context.Context, owner string) ([]indexed, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: s.table, Key: key(s.ownerKey(owner)), ConsistentRead: aws.Bool(true),
	}, s.reading)
	if err != nil {
		return nil, err
	}
	return entries(out.Item), nil
}

// makeRoom removes some entries without records from an owner's index that is full.
func (s *Store) makeRoom(ctx context.Context, owner string) error {
	all, err := s.readIndex(ctx, owner)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(all, maxBatch) {
		_, stale, err := s.resolve(ctx, owner, chunk)
		if err != nil {
			return err
		}
		if len(stale) > 0 {
			s.prune(ctx, owner, stale)
			return nil
		}
	}
	return nil
}

// Owned implements [store.OwnerLister]. A page has about limit entries, at most 1,000; zero means
// 100. Each page reads the whole index of the owner, with strong consistency. Entries without a
// record that are older than two minutes are removed.
func (s *Store) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	if owner == "" {
		return nil, "", nil
	}
	all, err := s.readIndex(ctx, owner)
	if err != nil {
		return nil, "", failed("list by owner", err)
	}
	// The cursor is the last id of the page before: it stays good whatever comes and goes.
	byID := func(x indexed, id string) int { return strings.Compare(x.id, id) }
	from, found := slices.BinarySearchFunc(all, cursor, byID)
	if found {
		from++
	}
	all = all[from:]
	next := ""
	if n := pageSize(limit); n < len(all) {
		all = all[:n]
		next = all[n-1].id
	}
	page, stale, err := s.resolve(ctx, owner, all)
	if err != nil {
		return nil, "", failed("list by owner", err)
	}
	s.prune(ctx, owner, stale)
	return page, next, nil
}

// resolve loads the records of entries. stale are those that may be removed.
func (s *Store) resolve(
	ctx context.Context, owner string, some []indexed,
) (page []store.Entry, stale []indexed, err error) {
	ids := make([]string, len(some))
	for i, x := range some {
		ids[i] = x.id
	}
	records, err := s.loadAll(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	now := s.now()
	for _, x := range some {
		r, ok := records[x.id]
		if !ok && x.forgettable(now) {
			stale = append(stale, x)
			continue
		}
		if r.Version != "" && r.Owner == "" {
			r.Owner = owner
		}
		page = append(page, store.Entry{ID: x.id, Record: r})
	}
	return page, stale, nil
}

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}
