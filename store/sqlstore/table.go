package sqlstore

import (
	"context"
	"errors"
	"strings"
)

// CreateTable makes the table with its indexes, and in PostgreSQL the schema, unless
// they are there. Several processes may do so at once. The types are wide and compare
// byte for byte: a record may be as large as [MaxRecord], expiries have microseconds,
// ids 512 bytes. A table that is there is left as it is, and needs no right to make
// one: see [Store.Migrate].
func (s *Store) CreateTable(ctx context.Context) error {
	_, err := s.look(ctx)
	if errors.Is(err, errNoTable) {
		var list []string
		if list, err = s.d.create(ctx, s); err == nil {
			err = s.define(ctx, list)
		}
	}
	return s.failed(ctx, "create the table", err)
}

// Migrate adds what a table that Flask-Session made lacks: the nullable column owner
// and the indexes on expiry and owner. It changes nothing else, and Flask goes on using
// the table. It does nothing to a table that lacks nothing, and several processes may
// do so at once.
//
// Sessions that were signed in before are listed by owner once they were written or
// touched by a process that knows of the column, which one that runs already does
// within ten seconds. Adding the indexes to a large table takes a while, in which
// PostgreSQL lets nobody write.
func (s *Store) Migrate(ctx context.Context) error {
	err := func() error {
		shape, err := s.inspect(ctx)
		if err != nil {
			return err
		}
		list, err := s.d.migrate(ctx, s, shape)
		if err == nil {
			err = s.define(ctx, list)
		}
		return err
	}()
	return s.failed(ctx, "migrate the table", err)
}

// define runs statements that define something, each of which may find it there, and
// looks at the table anew.
func (s *Store) define(ctx context.Context, list []string) error {
	for _, text := range list {
		err := s.retry(ctx, func() error {
			_, err := s.db.ExecContext(ctx, text)
			return err
		})
		if err != nil && !s.d.exists(err) {
			return err
		}
	}
	_, err := s.look(ctx)
	return err
}

// columnsBy returns the names of the table's columns, in lower case, by a statement
// that selects them.
func (s *Store) columnsBy(ctx context.Context, text string, args ...any) (map[string]bool, error) {
	rows, err := s.db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	columns := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		columns[strings.ToLower(name)] = true
	}
	return columns, rows.Err()
}

// errNoTable means that the table is not there.
var errNoTable = unfit("there is no such table, or no right to use it")

// missing says what a table lacks that it must have.
func missing(columns map[string]bool, key string) error {
	if len(columns) == 0 {
		return errNoTable
	}
	for _, name := range []string{key, "session_id", "data", "expiry"} {
		if !columns[name] {
			return unfit("it has no column " + name)
		}
	}
	return nil
}
