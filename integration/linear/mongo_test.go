package linear

import (
	"fmt"
	"os"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// TestLinearizableMongoDB is TestLinearizable on FerretDB behind a proxy that lets one
// request through at a time, which stands in for what mongod is by itself, atomic per
// document; or on the server of CLOAKROOM_TEST_MONGODB_URL.
func TestLinearizableMongoDB(t *testing.T) {
	given := os.Getenv("CLOAKROOM_TEST_MONGODB_URL")
	for _, oneIn := range []int{0, 20} {
		t.Run(fmt.Sprintf("faults one in %d", oneIn), func(t *testing.T) {
			for range *runsFlag {
				rawURL := given
				if rawURL == "" {
					// a new one, since it reads all its data for each call
					rawURL = servers.StartFerretDB(t).URL()
				}
				open := func() *mongostore.Store {
					s, closer, err := mongostore.Open(t.Context(), rawURL)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { closer.Close() })
					return s
				}
				p := newPlan(t)
				p.faults = oneIn > 0
				check(t, p, []node{
					manager(t, faulty(open(), p.seed, oneIn)),
					manager(t, faulty(open(), p.seed+1, oneIn)),
				})
			}
		})
	}
}
