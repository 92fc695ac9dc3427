// Package mongo tests mongostore on FerretDB behind a proxy that lets one request through at a time, or on the server
// that CLOAKROOM_TEST_MONGODB_URL names, a mongod preferably.
package mongo

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/stores/mongostore"
	"github.com/cloakroom-go/cloakroom/storetest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "24") // the suite's cases wait for expiries rather than work
	os.Exit(demotest.Main(m))
}

// variable names the server to test with, instead of those that the tests start. Tests that stop their server start
// it all the same.
const variable = "CLOAKROOM_TEST_MONGODB_URL"

var abilities = []storetest.Ability{storetest.Owners, storetest.Lists, storetest.Sweeps}

// given returns a URL of a server to test with.
func given(t testing.TB) string {
	if rawURL := os.Getenv(variable); rawURL != "" {
		return rawURL
	}
	return servers.StartFerretDB(t).URL()
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

var places atomic.Int64

// place is a collection of its own on the server.
func place(t testing.TB, rawURL string) string {
	return with(t, rawURL, "collection", fmt.Sprintf("cloakroom_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), places.Add(1)))
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

func conforms(t *testing.T, rawURL string) {
	opener := func(t testing.TB) cloakroom.Store { return open(t, rawURL) }
	storetest.Run(t, storetest.Config{Abilities: abilities, Open: opener, Peer: opener})
}

func TestConformance(t *testing.T) {
	rawURL := given(t)
	t.Run("Defaults", func(t *testing.T) { conforms(t, rawURL) })
	t.Run("CollectionAndPrefix", func(t *testing.T) {
		conforms(t, with(t, place(t, rawURL), "prefix", "a*[b]$c.~"))
	})
}
