// Package dynamodb tests dynamodbstore on DynamoDB Local, Amazon's own emulator, or on
// a real DynamoDB.
package dynamodb

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // the suite's cases wait for expiries rather than work
	os.Exit(demotest.Main(m))
}

// variable names the table to test with, instead of those of the servers that the tests
// start. Tests that stop their server or need a table of their own start one all the
// same.
const variable = "CLOAKROOM_TEST_DYNAMODB_URL"

var abilities = []storetest.Ability{storetest.Moves, storetest.Owners, storetest.Lists, storetest.Sweeps}

// open opens a store by URL, until the test ends. It tries again while the emulator, which
// is slow while it is new, does not answer within the store's timeout.
func open(t testing.TB, rawURL string) *dynamodbstore.Store {
	t.Helper()
	var s *dynamodbstore.Store
	var closer io.Closer
	servers.Until(t, "the store opens", func() (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), servers.Patience)
		defer cancel()
		s, closer, err = dynamodbstore.Open(ctx, rawURL)
		return err
	})
	t.Cleanup(func() { closer.Close() })
	return s
}

// table returns the URL of a table that is there for the test, or of the one given.
func table(t testing.TB) string {
	t.Helper()
	if rawURL := os.Getenv(variable); rawURL != "" {
		return rawURL
	}
	return server(t).URL("Sessions")
}

// TestConformance runs storetest with two clients, as of two processes.
func TestConformance(t *testing.T) {
	rawURL := table(t)
	t.Run("contract", func(t *testing.T) { // returns when the parallel cases have ended
		// Much at once is too much for the emulator, which is slow while it is new.
		opener := func(t testing.TB) store.Store { return open(t, rawURL+"&timeout=1m") }
		storetest.Run(t, storetest.Config{
			Abilities: abilities,
			MaxData:   400_000,
			Open:      opener,
			Peer:      opener,
			Precision: time.Second,
		})
	})
}

// warm calls the emulator until its code is compiled: while it is new, a call takes a
// tenth of a second and more, and fifty requests of one session that wait for each
// other would exceed their time limit.
func warm(t testing.TB, s *dynamodbstore.Store) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			id := fmt.Sprint("warm", i)
			r := store.Record{Expires: time.Now().Add(time.Hour)}
			v, err := s.Create(t.Context(), id, r)
			for n := 0; n < 250 && err == nil; n++ {
				r.Version = v
				next := r
				next.Data = fmt.Append(nil, n)
				if v, err = s.Replace(t.Context(), id, r, next); err != nil {
					break
				}
				r = next
				_, err = s.Load(t.Context(), id)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestDemo runs the checks of the demo's promises.
func TestDemo(t *testing.T) {
	var d *servers.DynamoDB
	if os.Getenv(variable) == "" {
		d = server(t)
		warm(t, open(t, d.URL("warm")+"&timeout=1m"))
	}
	var tables atomic.Int64
	demotest.Check(t, demotest.Store{
		URL: func(testing.TB) string {
			if d == nil {
				return os.Getenv(variable)
			}
			return d.URL(fmt.Sprintf("demo-%d", tables.Add(1))) + "&timeout=20s"
		},
		Shared:  true,
		Durable: true,
		Lists:   true,
	})
}
