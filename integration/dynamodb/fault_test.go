package dynamodb

import (
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// TestKill kills a server under load and starts it again.
func TestKill(t *testing.T) {
	d := servers.StartDynamoDB(t, servers.DynamoDBOptions{Durable: true})
	l := startLoad(t, newSite(t, open(t, d.URL("Sessions"))), 4)
	for range 2 {
		l.served(10)
		d.Kill()
		l.refused()
		d.Restart(t)
		l.served(10)
	}
	l.check()
}

// TestPause stops a server under load for five seconds. It keeps its connections, takes
// new ones, and answers nothing.
func TestPause(t *testing.T) {
	servers.Long(t)
	d := servers.StartDynamoDB(t, servers.DynamoDBOptions{})
	l := startLoad(t, newSite(t, open(t, d.URL("Sessions"))), 4)
	l.served(10)
	d.Pause(t)
	time.Sleep(5 * time.Second)
	l.refused()
	d.Resume(t)
	l.served(10)
	l.check()
}

// TestNetwork cuts connections, pulls the cable, and leaves half an answer, under load.
func TestNetwork(t *testing.T) {
	servers.Long(t)
	d := servers.StartDynamoDB(t, servers.DynamoDBOptions{})
	p := servers.StartProxy(t, d.Addr)
	through := servers.DynamoDB{Addr: p.Addr}
	l := startLoad(t, newSite(t, open(t, through.URL("Sessions"))), 4)
	for _, fault := range []func(){p.Cut, p.Stall, func() { p.StallAfter(1000) }} {
		l.served(10)
		fault()
		l.refused()
		p.Mend()
		l.served(10)
	}
	l.check()
}
