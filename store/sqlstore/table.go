package sqlstore

import (
	"context"
	"errors"
	"strings"
)

// CreateTable makes the table with its indexes, and in PostgreSQL the schema, unless they are
// there. Several processes may call it at once. Ids are compared byte for byte and have up to 512
// bytes, records up to [MaxRecord], expiries microseconds. A table that is there is left as it is,
// see [Store.Migrate]; no right to make one is needed then.
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

// Migrate adds what a table that Flask-Session made lacks: the nullable column owner and the
// indexes on expiry and owner. It changes nothing else, and Flask goes on using the table. Several
// processes may call it at once.
//
// Sessions that were signed in before are listed by owner after their next write or touch by a
// process that knows the column; one that runs already knows it within ten seconds. Adding the
// indexes to a large table takes a while, during which PostgreSQL blocks writes.
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

// define runs statements that define something, unless it is there already, and inspects the table.
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

// columnsBy returns the names that a statement selects, in lower case.
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

// wrongType is the error for a column whose type cannot be used.
func wrongType(column, kind, want string) error {
	return unfit("the column " + column + " is " + strings.ToUpper(kind) + ", and must be " + want)
}

// missing returns an error that names a column that the table lacks, or nil.
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
