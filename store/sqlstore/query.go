package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"
	"time"
)

// args are the parameters that statements may have.
type args struct {
	after   any // a key
	expires time.Time
	id      string   // with the prefix
	ids     []string // with the prefix

	replacements *replacements
	limit        int
	new          []byte
	now          time.Time
	old          []byte
	owner        string
}

// value returns a parameter as all drivers take it. Times are text, since drivers differ about
// zones.
func (a *args) value(name string) any {
	switch name {
	case "after":
		return a.after
	case "expires":
		return stamp(a.expires)
	case "id":
		return a.id
	case "ids":
		return texts(a.ids)
	case "limit":
		return int64(a.limit)
	case "new":
		return filled(a.new)
	case "now":
		return stamp(a.now)
	case "old":
		return filled(a.old)
	case "owner":
		if a.owner == "" {
			return nil
		}
		return a.owner
	}
	return a.replacements.value(name)
}

// filled returns data that is not nil, which drivers would take for NULL.
func filled(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// statement is a statement compiled for a dialect and a table.
type statement struct {
	text   string
	params []string
	stmt   atomic.Pointer[sql.Stmt]
}

func (st *statement) values(a *args) []any {
	list := make([]any, len(st.params))
	for i, name := range st.params {
		list[i] = a.value(name)
	}
	return list
}

// queries are the statements for a table of one shape.
type queries struct {
	shape shape

	load, loadMany              *statement
	insert, take, taken         *statement
	replace, replaceMany, touch *statement
	remove, removeOld           *statement
	owned, all                  *statement
	sweep, sweepNull            *statement
}

const live = "expiry > {now}"

// each calls do for every statement that there is.
func (q *queries) each(do func(*statement)) {
	for _, st := range []*statement{
		q.load, q.loadMany, q.insert, q.take, q.taken, q.replace, q.replaceMany, q.touch,
		q.remove, q.removeOld, q.owned, q.all, q.sweep, q.sweepNull,
	} {
		if st != nil {
			do(st)
		}
	}
}

func newQueries(s *Store, shape shape) *queries {
	c := compiler{d: s.d, fragments: map[string]string{
		"same": "session_id = {id}",
		// or a row that cannot be read
		"expired": "(expiry IS NULL OR expiry <= {now} OR NOT " + s.d.readable("") + ")",
		"live":    live,
		"entry":   "session_id, CASE WHEN " + live + " THEN {data} END, {expiry}, {key}",
		"data":    s.d.dataOut(),
	}, literals: map[string]string{
		"table":  s.table(),
		"key":    s.key(),
		"expiry": s.d.timeOut(&s.opts, &shape, "expiry"),
		"lock":   s.d.skipLocked(),
	}, timeIn: func(p string) string { return s.d.timeIn(&s.opts, &shape, p) }}
	for name, text := range ownerFragments {
		if !shape.owner {
			text = ""
		}
		c.fragments["owner "+name] = text
	}
	if !shape.exactID {
		// The column may have another character set than the connection, whose is UTF-8.
		c.fragments["same"] = "session_id = {id}" +
			" AND CAST(CONVERT(session_id USING utf8mb4) AS BINARY) = CAST({id} AS BINARY)"
	}
	q := &queries{
		shape: shape,
		load:  c.compile("SELECT {data}, {expiry} FROM {table} WHERE {same} AND {live}"),
		replace: c.compile("UPDATE {table} SET data = {new}, expiry = {expires}{owner set}" +
			" WHERE {same} AND {live} AND data = {old}"),
		touch: c.compile("UPDATE {table} SET expiry = {expires}{owner touch}" +
			" WHERE {same} AND {live} AND " + s.d.readable("")),
		remove:    c.compile("DELETE FROM {table} WHERE {same} AND {live}"),
		removeOld: c.compile("DELETE FROM {table} WHERE {same} AND {live} AND data = {old}"),
		all: c.compile("SELECT {entry} FROM {table} WHERE {key} > {after}" +
			" ORDER BY {key} LIMIT {limit}"),
		sweep:     c.compile(s.d.sweep("expiry <= {now}")),
		sweepNull: c.compile(s.d.sweep("expiry IS NULL")),
	}
	const insert = "INSERT INTO {table}{as t} (session_id, data, expiry{owner column})" +
		" VALUES ({id}, {new}, {expires}{owner value})"
	if s.d.upsert() {
		c.fragments["as t"] = " AS t"
		q.insert = c.compile(insert + " ON CONFLICT (session_id) DO UPDATE" +
			" SET data = excluded.data, expiry = excluded.expiry{owner excluded}" +
			" WHERE t.expiry IS NULL OR t.expiry <= {now} OR NOT " + s.d.readable("t."))
	} else {
		c.fragments["as t"] = ""
		q.insert = c.compile(insert)
		q.take = c.compile("UPDATE {table}" +
			" SET session_id = {id}, data = {new}, expiry = {expires}{owner set}" +
			" WHERE session_id = {id} AND {expired}")
		q.taken = c.compile("SELECT session_id FROM {table} WHERE session_id = {id} AND {live}")
	}
	if s.d.arrays() {
		q.loadMany = c.compile("SELECT session_id, {data}, {expiry} FROM {table}" +
			" WHERE session_id = ANY(CAST({ids} AS VARCHAR[])) AND {live}")
		q.replaceMany = c.compile(replaceManyText(s, &shape))
	}
	if shape.owner {
		q.owned = c.compile("SELECT {entry} FROM {table}" +
			" WHERE owner = {owner} AND {key} > {after} ORDER BY {key} LIMIT {limit}")
	}
	return q
}

// ownerFragments are the parts of statements about the column owner, if the table has it.
var ownerFragments = map[string]string{
	"column":   ", owner",
	"value":    ", {owner}",
	"set":      ", owner = {owner}",
	"excluded": ", owner = excluded.owner",
	"old":      ", owner = old.owner",
	// so that a touch lists a record that is older than the column
	"touch": ", owner = COALESCE(owner, {owner})",
}

// compiler makes statements of templates: {name} is a fragment, which may itself be a template, or
// a literal, or a parameter.
type compiler struct {
	d         dialect
	fragments map[string]string
	literals  map[string]string
	timeIn    func(string) string

	out    strings.Builder
	params []string
}

func (c *compiler) compile(template string) *statement {
	c.out.Reset()
	c.params = nil
	c.write(template)
	return &statement{text: c.out.String(), params: c.params}
}

func (c *compiler) write(template string) {
	for {
		before, rest, found := strings.Cut(template, "{")
		c.out.WriteString(before)
		if !found {
			return
		}
		var name string
		name, template, _ = strings.Cut(rest, "}")
		if text, ok := c.fragments[name]; ok {
			c.write(text)
		} else if text, ok := c.literals[name]; ok {
			c.out.WriteString(text)
		} else {
			c.out.WriteString(c.param(name))
		}
	}
}

func (c *compiler) param(name string) string {
	n := 0
	if c.d.numbered() {
		for i, known := range c.params {
			if known == name {
				n = i + 1
			}
		}
	}
	if n == 0 {
		c.params = append(c.params, name)
		n = len(c.params)
	}
	p := c.d.placeholder(n)
	switch name {
	case "now", "expires":
		return c.timeIn(p)
	case "id", "owner":
		return c.d.textIn(p)
	}
	return p
}

// prepare prepares the statement, unless that was done.
func (s *Store) prepare(ctx context.Context, st *statement) (*sql.Stmt, error) {
	if stmt := st.stmt.Load(); stmt != nil {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, st.text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() || !st.stmt.CompareAndSwap(nil, stmt) {
		_ = stmt.Close() //nolint:sqlclosecheck // another call has prepared it
		if s.closed.Load() {
			return nil, ErrClosed
		}
		return st.stmt.Load(), nil
	}
	s.prepared = append(s.prepared, stmt)
	return stmt, nil
}

// exec runs a statement that writes, on the connection unless that is nil, and returns how many
// rows it changed.
func (s *Store) exec(ctx context.Context, on *sql.Conn, st *statement, a *args) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var res sql.Result
	var err error
	switch {
	case on != nil:
		res, err = on.ExecContext(ctx, st.text, st.values(a)...)
	case s.opts.NoPrepare:
		res, err = s.db.ExecContext(ctx, st.text, st.values(a)...)
	default:
		var stmt *sql.Stmt
		if stmt, err = s.prepare(ctx, st); err == nil { //nolint:sqlclosecheck // Store.Close does
			res, err = stmt.ExecContext(ctx, st.values(a)...)
		}
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query runs a statement that reads, and calls each for every row. It tries again as [Store.retry]
// does, and once after any other error, since a read changes nothing, and the connection may have
// been dead. If rows came before the error, it calls forget, which drops them.
func (s *Store) query(
	ctx context.Context, st *statement, a *args, forget func(), each eachRow,
) error {
	for try := 1; ; try++ {
		begun := false
		err := s.queryOnce(ctx, st, a, func(scan func(...any) error) error {
			begun = true
			return each(scan)
		})
		if err == nil || ctx.Err() != nil {
			return err
		}
		if begun {
			forget()
		}
		switch again := try == 1; {
		case s.outdated(err):
			return err
		case s.d.otherServer(err):
			if !s.renew(ctx, try) {
				return err
			}
		case s.transient(err):
			if !s.pause(ctx, try) {
				return err
			}
		case !again || s.d.refusal(err) != nil:
			return err
		}
	}
}

// eachRow is called for a row, and scans it.
type eachRow func(scan func(...any) error) error

func (s *Store) queryOnce(ctx context.Context, st *statement, a *args, each eachRow) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var rows *sql.Rows
	var err error
	if s.opts.NoPrepare {
		rows, err = s.db.QueryContext(ctx, st.text, st.values(a)...)
	} else {
		var stmt *sql.Stmt
		if stmt, err = s.prepare(ctx, st); err == nil { //nolint:sqlclosecheck // Store.Close does
			rows, err = stmt.QueryContext(ctx, st.values(a)...)
		}
	}
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return sent{err}
	}
	return nil
}
