package sqlstore

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/batch"
	"github.com/cloakroom-go/cloakroom/store"
)

const (
	// Statements of one kind that are under way while others wait for them: as many as there are
	// processors, in these bounds. Few keep a server busy, and the fewer there are the more each
	// does. Twice as many may be under way while none waits.
	leastRunning = 2
	mostRunning  = 8

	batchSize = 64       // records of one statement
	maxShared = 16 << 10 // bytes of a record that shares a statement

	// patience is how long calls wait for statements that do not end, as when one waits for a
	// lock or the network lost it, before one more is sent.
	patience = 20 * time.Millisecond
)

// batches makes one statement of several that are about one record each.
type batches = batch.Queue[request, outcome]

// request is what a call wants of a statement.
type request struct {
	id        string
	q         *queries      // for the statement that is about this record alone
	old, next *store.Record // when it replaces
}

// outcome is what a statement did for a request.
type outcome struct {
	record  store.Record // when it loaded
	err     error
	nothing bool // the request is to be made alone
}

func newBatches(
	opts *Options,
	one func(context.Context, request) outcome, many func(context.Context, []request) []outcome,
) *batches {
	running := min(max(leastRunning, runtime.GOMAXPROCS(0)), mostRunning)
	return batch.New(batch.Config[request, outcome]{
		Busy:     running,
		Idle:     2 * running,
		Many:     many,
		One:      one,
		Patience: patience,
		Size:     batchSize,
		Trace:    opts.TraceBatch,
	})
}

// shared performs a request in a statement with others, or alone where that gains nothing or did
// nothing for it.
func shared(ctx context.Context, b *batches, r request) (store.Record, error) {
	done, err := b.Do(ctx, r)
	if err != nil {
		return store.Record{}, err
	}
	if done.nothing {
		done = b.One(ctx, r)
	}
	return done.record, done.err
}

// nothing is the outcome of n requests that are to be made alone.
func nothing(n int) []outcome { return slices.Repeat([]outcome{{nothing: true}}, n) }

func (s *Store) loadOne(ctx context.Context, r request) (o outcome) {
	o.record, o.err = s.load(ctx, r.q, r.id)
	return o
}

// loadMany loads several records. After an error each is loaded alone, since reading again changes
// nothing.
func (s *Store) loadMany(ctx context.Context, list []request) []outcome {
	q, err := s.queries(ctx, false)
	if err != nil {
		return nothing(len(list))
	}
	ids := s.idsOf(list)
	found := make(map[string]outcome, len(list))
	a := &args{now: s.opts.Now(), ids: ids}
	err = s.query(ctx, q.loadMany, a, func() { clear(found) }, func(scan func(...any) error) error {
		var id string
		var data blob
		var expires instant
		if err := scan(&id, &data, &expires); err != nil {
			return err
		}
		r, err := record(data, expires)
		found[id] = outcome{record: r, err: err}
		return nil
	})
	if err != nil {
		return nothing(len(list))
	}
	outcomes := make([]outcome, len(list))
	for i, id := range ids {
		one, ok := found[id]
		if !ok {
			one.err = store.ErrNotFound
		}
		outcomes[i] = one
	}
	return outcomes
}

func (s *Store) replaceOne(ctx context.Context, r request) outcome {
	return outcome{err: s.retry(ctx, func() error {
		return s.replace(ctx, nil, r.q, r.id, *r.old, *r.next)
	})}
}

// replaceMany replaces several records, each if it is old. It does not wait for rows that others
// have locked. What it did not replace is done alone, which waits, and tells why it could not be
// done.
func (s *Store) replaceMany(ctx context.Context, list []request) []outcome {
	outcomes := nothing(len(list))
	q, err := s.queries(ctx, false)
	if err != nil || q.replaceMany == nil {
		return outcomes
	}
	first := firstOfEach(list)
	once := make([]request, len(first))
	for i, at := range first {
		once[i] = list[at]
	}
	ids := s.idsOf(once)
	a := &args{now: s.opts.Now(), ids: ids, replacements: replacementsOf(q, once)}
	replaced := make(map[string]bool, len(once))
	err = s.retry(ctx, func() error {
		clear(replaced)
		return s.queryOnce(ctx, q.replaceMany, a, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			replaced[id] = true
			return err
		})
	})
	for i, at := range first {
		switch {
		case err != nil && !s.rejected(err):
			outcomes[at] = outcome{err: err}
		case err == nil && replaced[ids[i]]:
			outcomes[at] = outcome{}
		}
	}
	return outcomes
}

// firstOfEach returns where in a list the first request for each id is.
func firstOfEach(list []request) []int {
	seen := make(map[string]bool, len(list))
	first := make([]int, 0, len(list))
	for i, r := range list {
		if !seen[r.id] {
			seen[r.id] = true
			first = append(first, i)
		}
	}
	return first
}

// idsOf returns the ids of a list with their prefixes.
func (s *Store) idsOf(list []request) []string {
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = s.opts.Prefix + r.id
	}
	return ids
}

// rejected reports whether an error means that the server did nothing of a statement, because that
// or a value was at fault, or something was lacking.
func (s *Store) rejected(err error) bool {
	if s.transient(err) || s.d.refusal(err) != nil {
		return true
	}
	return slices.Contains([]string{"53", "54"}, sqlClass(err))
}

// replacements are the parameters of a statement that replaces several records, as PostgreSQL reads
// arrays. All data is in one value: an array of data would be text of twice the size.
type replacements struct {
	blob          []byte
	newAt, newLen []int // where in the blob the new data is, from 1
	oldAt, oldLen []int
	expires       []string
	owners        []string
}

func replacementsOf(q *queries, list []request) *replacements {
	r, size := new(replacements), 0
	for _, m := range list {
		size += len(m.old.Data) + len(m.next.Data)
	}
	r.blob = make([]byte, 0, size)
	for _, m := range list {
		r.newAt, r.newLen = append(r.newAt, len(r.blob)+1), append(r.newLen, len(m.next.Data))
		r.blob = append(r.blob, m.next.Data...)
		r.oldAt, r.oldLen = append(r.oldAt, len(r.blob)+1), append(r.oldLen, len(m.old.Data))
		r.blob = append(r.blob, m.old.Data...)
		r.expires = append(r.expires, stamp(q.expiry(m.next.Expires)))
		r.owners = append(r.owners, m.next.Owner)
	}
	return r
}

// value returns a parameter.
func (r *replacements) value(name string) any {
	switch name {
	case "blob":
		return r.blob
	case "new at":
		return numbers(r.newAt)
	case "new len":
		return numbers(r.newLen)
	case "old at":
		return numbers(r.oldAt)
	case "old len":
		return numbers(r.oldLen)
	case "expiries":
		return texts(r.expires)
	case "owners":
		return texts(r.owners)
	}
	panic("sqlstore: no parameter " + name)
}

// replaceManyText returns the statement. It locks the rows that are old first, so that the update
// does not wait.
func replaceManyText(s *Store, shape *shape) string {
	return "WITH old AS (SELECT t.session_id, g.owner, " +
		s.d.timeIn(&s.opts, shape, "g.expiry") + " AS expiry," +
		" substring(CAST({blob} AS BYTEA) FROM g.new_at FOR g.new_len) AS data" +
		" FROM {table} AS t JOIN unnest(CAST({ids} AS VARCHAR[])," +
		" CAST({owners} AS VARCHAR[]), CAST({expiries} AS TIMESTAMP[])," +
		" CAST({new at} AS INTEGER[]), CAST({new len} AS INTEGER[])," +
		" CAST({old at} AS INTEGER[]), CAST({old len} AS INTEGER[]))" +
		" AS g (session_id, owner, expiry, new_at, new_len, old_at, old_len)" +
		" ON t.session_id = g.session_id WHERE t.{live}" +
		" AND t.data = substring(CAST({blob} AS BYTEA) FROM g.old_at FOR g.old_len)" +
		" FOR UPDATE OF t SKIP LOCKED)" +
		" UPDATE {table} AS t SET data = old.data, expiry = old.expiry{owner old}" +
		" FROM old WHERE t.session_id = old.session_id RETURNING t.session_id"
}

// texts writes an array of texts as PostgreSQL reads it. An empty one is NULL.
func texts(list []string) string {
	var b strings.Builder
	for i, text := range list {
		b.WriteByte(before(i))
		if text == "" {
			b.WriteString("NULL")
			continue
		}
		b.WriteByte('"')
		for i := range len(text) {
			if text[i] == '"' || text[i] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

// numbers writes an array of numbers as PostgreSQL reads it.
func numbers(list []int) string {
	var b []byte
	for i, n := range list {
		b = strconv.AppendInt(append(b, before(i)), int64(n), 10)
	}
	return string(append(b, '}'))
}

// before is what stands before the i-th element of an array.
func before(i int) byte {
	if i == 0 {
		return '{'
	}
	return ','
}
