package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// With a database that the application has open. The program imports the driver: here
// `import _ "github.com/jackc/pgx/v5/stdlib"`.
func ExampleNew() {
	db, err := sql.Open("pgx", "postgres://app:secret@db.internal/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(10) // without a limit, a burst takes every connection that the server has
	db.SetMaxIdleConns(10)
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: sqlstore.Postgres, SweepInterval: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	if err := store.CreateTable(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	_, _ = sessions, err
}

// By URL. The program imports the driver: here `import _ "modernc.org/sqlite"`.
func ExampleOpen() {
	store, closer, err := sqlstore.Open(context.Background(), sqlstore.SQLite, "sqlite", "sqlite:///var/lib/app/sessions.db?sweep_interval=1m")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	_, _ = sessions, err
}

// A table that Flask-Session made works as it is. Listing and revoking by owner need
// one column more.
func ExampleStore_Migrate() {
	migrate := func(ctx context.Context, store *sqlstore.Store) error {
		if _, _, err := store.Owned(ctx, "", "", 1); !errors.Is(err, errors.ErrUnsupported) {
			return err // nil: it has the column
		}
		return store.Migrate(ctx)
	}
	_ = migrate
}

// A SQLite file that the application opens itself. The program imports the driver: here
// `import _ "modernc.org/sqlite"`.
func ExampleSQLitePragmas() {
	db, err := sql.Open("sqlite", "file:app.db?"+sqlstore.SQLitePragmas("sqlite"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: sqlstore.SQLite})
	_, _ = store, err
}
