package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

type mysql struct{}

func (mysql) name() string                                       { return "MySQL" }
func (mysql) nameLimit() int                                     { return 64 }
func (mysql) quote(name string) string                           { return quoted(name, "`") }
func (mysql) placeholder(int) string                             { return "?" }
func (mysql) numbered() bool                                     { return false }
func (mysql) timeIn(_ *Options, _ *shape, param string) string   { return param }
func (mysql) timeOut(_ *Options, _ *shape, column string) string { return column }
func (mysql) dataOut() string                                    { return "data" }
func (mysql) textIn(param string) string                         { return param }
func (mysql) arrays() bool                                       { return false }
func (mysql) duplicate(err error) bool                           { return mysqlNumber(err) == 1062 }
func (mysql) skipLocked() string                                 { return "" }
func (mysql) begin() string                                      { return "START TRANSACTION" }
func (mysql) oneWriter() bool                                    { return false }
func (mysql) noTransaction(error) bool                           { return false }
func (mysql) rollsBackLocally() bool                             { return false }

func (mysql) readable(table string) string { return "(" + table + "data IS NOT NULL)" }

// upsert: ON DUPLICATE KEY has no condition, and counts rows that it left alone.
func (mysql) upsert() bool { return false }

func (mysql) sweep(condition string) string {
	return "DELETE FROM {table} WHERE " + condition + " ORDER BY expiry LIMIT {limit}"
}

// mysqlNumber returns the number of an error, with which go-sql-driver's text begins.
func mysqlNumber(err error) int { return numberAfter(err, "Error ") }

func (mysql) transient(err error) bool {
	return slices.Contains([]int{
		1020, // the record changed since it was read, in a snapshot
		1205, // lock wait timeout
		1213, // deadlock
		1615, // the statement needs to be prepared again
		1040, // too many connections
		1203, // too many of the user
	}, mysqlNumber(err))
}

// mysqlOther are the errors that mean that another server should be asked.
var mysqlOther = []int{
	1047, // a node of Galera that is not in the primary component
	1290, // read_only or super_read_only
	1792, // a read-only transaction
	1836, // a read-only mode
}

func (mysql) otherServer(err error) bool { return slices.Contains(mysqlOther, mysqlNumber(err)) }

// mysqlRefusals are the other errors that mean that nothing was done.
var mysqlRefusals = []int{
	1040, 1203, // too many connections, after all tries
	1044, 1045, 1698, // access denied
	1049, 1146, // no such database, no such table
	1054,       // no such column
	1129, 1130, // the host is blocked, or not allowed
	1142, 1143, 1227, // no right
	1048, 1364, // a column of others takes no NULL, or has no default
	3118, 4151, // the account is locked
}

func (mysql) outdated(err error) bool { return mysqlNumber(err) == 1054 }

func (mysql) refusal(err error) error {
	switch number := mysqlNumber(err); {
	case slices.Contains(mysqlOther, number), slices.Contains(mysqlRefusals, number):
		return store.ErrRefused
	case number == 1153, number == 1406: // packet too large, data too long
		return store.ErrTooLarge
	case number == 1021, number == 1114: // disk full, table full
		return store.ErrFull
	}
	if strings.Contains(err.Error(), "packet for query is too large") { // from the driver
		return store.ErrTooLarge
	}
	return nil
}

// text leaves out the texts that quote a value.
func (mysql) text(err error) string {
	switch n := mysqlNumber(err); n {
	case 1062, 1265, 1292, 1366, 1411, 1525:
		return fmt.Sprintf("Error %d", n)
	}
	return err.Error()
}

func (mysql) exists(err error) bool {
	return slices.Contains([]int{1050, 1060, 1061}, mysqlNumber(err)) // table, column, index
}

// packetRoom is more than a statement takes beside its data.
const packetRoom = 64 << 10

func (mysql) inspect(ctx context.Context, s *Store) (shape, error) {
	var packet int64
	var autocommit bool
	settings := s.db.QueryRowContext(ctx, "SELECT @@max_allowed_packet, @@autocommit")
	if err := settings.Scan(&packet, &autocommit); err != nil {
		return shape{}, err
	}
	if !autocommit {
		return shape{}, unfit("the connections have autocommit off")
	}
	rows, err := s.db.QueryContext(ctx, "SELECT LOWER(COLUMN_NAME), LOWER(DATA_TYPE),"+
		" CHARACTER_MAXIMUM_LENGTH, DATETIME_PRECISION, COLLATION_NAME"+
		" FROM information_schema.COLUMNS"+
		" WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?",
		nullable(s.opts.Schema), s.opts.Table)
	if err != nil {
		return shape{}, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	columns := map[string]bool{}
	// A replacement has both the old data and the new.
	sh := shape{dataMax: int(min(MaxRecord, max(0, packet-packetRoom)/2)), step: time.Second}
	for rows.Next() {
		var name, kind string
		var length, precision sql.NullInt64
		var collation sql.NullString
		if err := rows.Scan(&name, &kind, &length, &precision, &collation); err != nil {
			return shape{}, err
		}
		columns[name] = true
		switch name {
		case "owner":
			sh.owner = true
		case "session_id":
			if !strings.HasPrefix(kind, "var") && kind != "char" { // BINARY pads with zeros
				return shape{}, wrongType(name, kind, "VARBINARY(512)")
			}
			sh.exactID, sh.idMax = !collation.Valid, int(length.Int64)
		case "data":
			if !strings.HasSuffix(kind, "blob") && kind != "varbinary" {
				return shape{}, wrongType(name, kind, "LONGBLOB")
			}
			sh.dataMax = int(min(int64(sh.dataMax), length.Int64))
		case "expiry":
			if kind != "datetime" {
				return shape{}, wrongType(name, kind, "DATETIME")
			}
			for range precision.Int64 {
				sh.step /= 10
			}
		}
	}
	if err := rows.Err(); err != nil {
		return shape{}, err
	}
	return sh, missing(columns, "id")
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

const mysqlOwner = "owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin"

func (d mysql) create(_ context.Context, s *Store) ([]string, error) {
	return []string{"CREATE TABLE IF NOT EXISTS " + s.table() +
		" (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY," +
		" session_id VARBINARY(512) NOT NULL UNIQUE," +
		" data LONGBLOB, expiry DATETIME(6), " + mysqlOwner +
		", INDEX " + d.quote(s.indexName("expiry")) + " (expiry)" +
		", INDEX " + d.quote(s.indexName("owner")) + " (owner, id)) ENGINE = InnoDB"}, nil
}

func (d mysql) migrate(ctx context.Context, s *Store, shape shape) ([]string, error) {
	indexed, err := s.columnsBy(ctx, "SELECT COLUMN_NAME FROM information_schema.STATISTICS"+
		" WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND SEQ_IN_INDEX = 1",
		nullable(s.opts.Schema), s.opts.Table)
	if err != nil {
		return nil, err
	}
	var list []string
	add := func(what string) { list = append(list, "ALTER TABLE "+s.table()+" ADD "+what) }
	if !shape.owner {
		add("COLUMN " + mysqlOwner)
	}
	if !indexed["expiry"] {
		add("INDEX " + d.quote(s.indexName("expiry")) + " (expiry)")
	}
	if !indexed["owner"] {
		add("INDEX " + d.quote(s.indexName("owner")) + " (owner, id)")
	}
	return list, nil
}
