package linear

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
)

// How places lose all data: at one moment where a sign-in is one step, so that none comes
// in between, and record by record where it is two.

// wipeTime bounds emptying a place.
const wipeTime = 30 * time.Second

// losingAll returns a fault that loses all data.
func losingAll(name string, do func()) fault {
	return fault{name, func(r *run, _ *rand.Rand) error {
		r.wipe(do)
		return nil
	}}
}

// losingRows is [losingAll] by a statement on a database.
func losingRows(t testing.TB, driver, dsn, statement string) fault {
	return losingAll("all data lost", func() {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		ctx, cancel := context.WithTimeout(context.Background(), wipeTime)
		defer cancel()
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	})
}

// losingFiles is [losingAll] of a filestore's folder, file by file. The owner index
// stays: without it a later revocation would miss a sign-in that had only written its
// entry.
func losingFiles(t testing.TB, dir string) fault {
	return losingAll("all data lost", func() {
		err := filepath.WalkDir(filepath.Join(dir, "sessions"), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // the store was first
				return nil
			case err != nil || d.IsDir():
				return err
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// losingDocuments is [losingAll] of mongostore's default collection, in one request.
func losingDocuments(t testing.TB, rawURL string) fault {
	return losingAll("all data lost", func() {
		ctx, cancel := context.WithTimeout(context.Background(), wipeTime)
		defer cancel()
		client, err := mongo.Connect(options.Client().ApplyURI(rawURL).SetRetryWrites(false))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Disconnect(context.WithoutCancel(ctx))
		if _, err := client.Database("flask_session").Collection("sessions").DeleteMany(ctx, bson.D{}); err != nil {
			t.Fatal(err)
		}
	})
}

// losingTable is [losingAll] of a server that is killed and starts without its files.
// rawURL is the table to create again.
func losingTable(t testing.TB, d *servers.DynamoDB, rawURL string) fault {
	return losingAll("server restarted without its data", func() {
		d.Kill()
		files, err := filepath.Glob(filepath.Join(d.Dir, "*.db*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("the server's data: %v, %v", files, err)
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		d.Restart(t)
		// a server that has just started is slow
		servers.Until(t, "the table is there", func() error {
			ctx, cancel := context.WithTimeout(context.Background(), wipeTime)
			defer cancel()
			_, closer, err := dynamodbstore.Open(ctx, rawURL)
			if err != nil {
				return err
			}
			return closer.Close()
		})
	})
}
