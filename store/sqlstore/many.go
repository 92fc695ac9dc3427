package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// maxShared is the largest record that is sent together with others, in bytes: the way
// of a larger one costs little beside it.
const maxShared = 16 << 10

// loadMany loads the records of several callers. What fails is done by each alone,
// since reading again changes nothing.
func (s *Store) loadMany(ctx context.Context, list []*member) {
	a := &args{now: s.opts.Now(), ids: s.idsOf(list)}
	type loaded struct {
		record store.Record
		err    error
	}
	found := make(map[string]loaded, len(list))
	q, err := s.queries(ctx, false)
	if err == nil {
		err = s.query(ctx, q.loadMany, a, func() { clear(found) }, func(scan func(...any) error) error {
			var id string
			var data blob
			var expires instant
			if err := scan(&id, &data, &expires); err != nil {
				return err
			}
			r, err := record(data, expires)
			found[id] = loaded{r, err}
			return nil
		})
	}
	for i, m := range list {
		r, ok := found[a.ids[i]]
		switch {
		case err != nil:
			m.alone = true
		case !ok:
			m.err = store.ErrNotFound
		default:
			m.record, m.err = r.record, r.err
		}
	}
}

// replaceMany replaces the records of several callers, each if it is old. It does not
// wait for rows that somebody else has locked. What it did not replace is done alone,
// which waits, and tells why it could not be done.
func (s *Store) replaceMany(ctx context.Context, list []*member) {
	q, err := s.queries(ctx, false)
	if err == nil && q.replaceMany == nil {
		err = errors.ErrUnsupported
	}
	if err != nil {
		for _, m := range list {
			m.alone = true
		}
		return
	}
	list = onePerID(list)
	a := &args{now: s.opts.Now(), ids: s.idsOf(list), replacements: replacementsOf(q, list)}
	replaced := make(map[string]bool, len(list))
	err = s.retry(ctx, func() error {
		clear(replaced)
		return s.queryOnce(ctx, q.replaceMany, a, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			replaced[id] = true
			return err
		})
	})
	for i, m := range list {
		switch {
		case err != nil && !s.rejected(err):
			m.err = err
		case err != nil || !replaced[a.ids[i]]:
			m.alone = true
		}
	}
}

// onePerID returns the first of a list for each id. The others are to be done alone.
func onePerID(list []*member) []*member {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(m *member) bool {
		m.alone = seen[m.id]
		seen[m.id] = true
		return m.alone
	})
}

// idsOf returns the ids of a list with their prefixes.
func (s *Store) idsOf(list []*member) []string {
	ids := make([]string, len(list))
	for i, m := range list {
		ids[i] = s.opts.Prefix + m.id
	}
	return ids
}

// rejected reports whether an error means that the server did nothing of a statement:
// its class says that the statement or a value was at fault, or a lack of something.
func (s *Store) rejected(err error) bool {
	if s.transient(err) || s.d.refusal(err) != nil {
		return true
	}
	return slices.Contains([]string{"53", "54"}, sqlClass(err))
}

// replacements are the parameters of a statement that replaces several records: arrays
// as PostgreSQL reads them, and all data in one value, since an array of data would be
// text of twice the size.
type replacements struct {
	blob          []byte
	newAt, newLen []int // where in the blob the new data are, from 1
	oldAt, oldLen []int
	expires       []string
	owners        []string
}

func replacementsOf(q *queries, list []*member) *replacements {
	r, size := new(replacements), 0
	for _, m := range list {
		size += len(m.old.Data) + len(m.new.Data)
	}
	r.blob = make([]byte, 0, size)
	for _, m := range list {
		r.newAt, r.newLen = append(r.newAt, len(r.blob)+1), append(r.newLen, len(m.new.Data))
		r.blob = append(r.blob, m.new.Data...)
		r.oldAt, r.oldLen = append(r.oldAt, len(r.blob)+1), append(r.oldLen, len(m.old.Data))
		r.blob = append(r.blob, m.old.Data...)
		r.expires = append(r.expires, stamp(q.expiry(m.new.Expires)))
		r.owners = append(r.owners, m.new.Owner)
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

// replaceManyText is the statement: what is there and old is locked first, so that the
// update waits for nobody.
func replaceManyText(s *Store, shape *shape) string {
	return "WITH old AS (SELECT t.session_id, g.owner, " + s.d.timeIn(&s.opts, shape, "g.expiry") + " AS expiry," +
		" substring(CAST({blob} AS BYTEA) FROM g.new_at FOR g.new_len) AS data" +
		" FROM {table} AS t JOIN unnest(CAST({ids} AS VARCHAR[]), CAST({owners} AS VARCHAR[]), CAST({expiries} AS TIMESTAMP[])," +
		" CAST({new at} AS INTEGER[]), CAST({new len} AS INTEGER[]), CAST({old at} AS INTEGER[]), CAST({old len} AS INTEGER[]))" +
		" AS g (session_id, owner, expiry, new_at, new_len, old_at, old_len) ON t.session_id = g.session_id" +
		" WHERE t.{live} AND t.data = substring(CAST({blob} AS BYTEA) FROM g.old_at FOR g.old_len) FOR UPDATE OF t SKIP LOCKED)" +
		" UPDATE {table} AS t SET data = old.data, expiry = old.expiry{owner old} FROM old WHERE t.session_id = old.session_id RETURNING t.session_id"
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
