// Package mongo tests mongostore on FerretDB behind a proxy that lets one request
// through at a time, or on the server that CLOAKROOM_TEST_MONGODB_URL names, a mongod
// preferably.
package mongo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "24") // the suite's cases wait for expiries rather than work
	os.Exit(demotest.Main(m))
}

// variable names the server to test with, instead of those that the tests start. Tests
// that stop their server start it all the same.
const variable = "CLOAKROOM_TEST_MONGODB_URL"

var abilities = []storetest.Ability{storetest.Owners, storetest.Lists, storetest.Sweeps}

// given returns a URL of a server to test with.
func given(t testing.TB) string {
	if rawURL := os.Getenv(variable); rawURL != "" {
		return rawURL
	}
	return servers.Mongo(t)
}

// with adds a parameter to a URL.
func with(t testing.TB, rawURL, name, value string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// place is a collection of a test's own on the server. FerretDB reads all of a
// collection to find a record.
func place(t testing.TB, rawURL string) string {
	sum := sha256.Sum256([]byte(t.Name()))
	return with(t, rawURL, "collection", fmt.Sprintf("cloakroom_test_%s_%x", run, sum[:8]))
}

// parts returns what a URL says to the driver, and to the store.
func parts(t testing.TB, rawURL string) (server, database, collection string) {
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	database, collection = cmp.Or(strings.Trim(u.Path, "/"), "flask_session"), cmp.Or(q.Get("collection"), "sessions")
	q.Del("collection")
	q.Del("prefix")
	u.RawQuery = q.Encode()
	return u.String(), database, collection
}

// run tells the runs of these tests on a given server apart.
var run = strconv.FormatInt(time.Now().UnixNano(), 36)

// patient has a client that waits for a server as slow as FerretDB with a proxy before
// it. When it does not get through to look at the server in time, it also breaks off
// what is under way.
func patient(t testing.TB, rawURL string) string {
	ms := strconv.FormatInt(servers.Patience.Milliseconds(), 10)
	return with(t, with(t, rawURL, "serverSelectionTimeoutMS", ms), "connectTimeoutMS", ms)
}

// open opens a store by URL, until the test ends.
func open(t testing.TB, rawURL string) *mongostore.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servers.Patience)
	defer cancel()
	s, closer, err := mongostore.Open(ctx, rawURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return s
}

// clock is one that a test moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// conforms runs storetest with two clients, as of two processes. A given server is
// timed by the real clock. On FerretDB behind the proxy a call may take longer than a
// short-lived record of the suite lives, so there the clock is moved.
func conforms(t *testing.T, rawURL, prefix string) {
	config := storetest.Config{Abilities: abilities, Fresh: true}
	if os.Getenv(variable) != "" {
		config.Open = func(t testing.TB) store.Store { return open(t, with(t, place(t, rawURL), "prefix", prefix)) }
	} else {
		c := &clock{}
		config.Advance, config.Now = c.advance, c.now
		config.Open = func(t testing.TB) store.Store {
			server, database, collection := parts(t, patient(t, place(t, rawURL)))
			client, err := mongo.Connect(options.Client().ApplyURI(server))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { client.Disconnect(context.Background()) })
			s, err := mongostore.New(client, mongostore.Options{Collection: collection, Database: database, Now: c.now, Prefix: prefix})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	config.Peer = config.Open
	// returns when the parallel cases have ended
	t.Run("contract", func(t *testing.T) { storetest.Run(t, config) })
}

func TestConformance(t *testing.T) {
	rawURL := given(t)
	t.Run("Defaults", func(t *testing.T) { conforms(t, rawURL, "session:") })
	t.Run("Prefix", func(t *testing.T) { conforms(t, rawURL, "a*[b]$c.~") })
}
