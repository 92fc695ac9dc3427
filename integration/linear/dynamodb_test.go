package linear

import (
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
)

// TestLinearizableDynamoDB is TestLinearizable on DynamoDB Local, also while it is paused
// and its connections are cut.
func TestLinearizableDynamoDB(t *testing.T) {
	open := func(t *testing.T, rawURL string) *dynamodbstore.Store {
		t.Helper()
		s, closer, err := dynamodbstore.Open(t.Context(), rawURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closer.Close() })
		return s
	}
	d := servers.StartDynamoDB(t, servers.DynamoDBOptions{})
	rawURL := d.URL("Sessions")
	for _, oneIn := range []int{0, 20} {
		t.Run(fmt.Sprintf("faults one in %d", oneIn), func(t *testing.T) {
			for range *runsFlag {
				p := newPlan(t)
				p.atomicMoves, p.faults = true, oneIn > 0
				check(t, p, []node{
					manager(t, faulty(open(t, rawURL), p.seed, oneIn)),
					manager(t, faulty(open(t, rawURL), p.seed+1, oneIn)),
				})
			}
		})
	}
	t.Run("cut and paused", func(t *testing.T) {
		proxy := servers.StartProxy(t, d.Addr)
		through := servers.DynamoDB{Addr: proxy.Addr}
		for range *runsFlag {
			p := newPlan(t)
			p.atomicMoves, p.faults = true, true
			one, other := open(t, through.URL("Sessions")), open(t, rawURL)
			stop := cutAndPause(t, proxy, d.Process)
			check(t, p, []node{manager(t, one), manager(t, other)})
			stop()
		}
	})
}
