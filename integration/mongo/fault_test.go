package mongo

import (
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/site"
)

// kept fails where acknowledged changes were lost.
func kept(t *testing.T, l *site.Load) {
	t.Helper()
	if lost := l.Check(); lost > 0 {
		t.Errorf("%d acknowledged changes were lost", lost)
	}
}

// TestKill kills the server under load and starts it again, three times.
func TestKill(t *testing.T) {
	f := servers.StartFerretDB(t)
	l := site.StartLoad(t, site.New(t, open(t, f.URL())), 6)
	for range 3 {
		l.Served(10)
		f.Kill()
		l.Refused(true)
		f.Restart(t)
		l.Served(10)
	}
	kept(t, l)
}

// TestPause stops the server under load for five seconds. It keeps its connections and
// answers nothing.
func TestPause(t *testing.T) {
	f := servers.StartFerretDB(t)
	l := site.StartLoad(t, site.New(t, open(t, f.URL())), 6)
	l.Served(10)
	f.Pause(t)
	time.Sleep(5 * time.Second)
	f.Resume(t)
	l.Served(10)
	kept(t, l)
	if l.Refusals() == 0 {
		t.Error("no call was refused in five seconds")
	}
}

// TestNetwork cuts connections, pulls the cable, and leaves half an answer, under load.
func TestNetwork(t *testing.T) {
	f := servers.StartFerretDB(t)
	l := site.StartLoad(t, site.New(t, open(t, f.URL())), 6)
	for _, fault := range []func(){f.Proxy.Cut, f.Proxy.Stall, func() { f.Proxy.StallAfter(1000) }} {
		l.Served(10)
		fault()
		l.Refused(true)
		f.Proxy.Mend()
		l.Served(10)
	}
	kept(t, l)
}
