package redis

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/site"
)

// durable is a server that has a write on disk before it acknowledges it.
func durable(t *testing.T) *servers.Redis {
	t.Helper()
	return servers.StartRedis(t, servers.RedisOptions{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
}

// TestKill kills a server under load and starts it again, three times.
func TestKill(t *testing.T) {
	r := durable(t)
	l := site.StartLoad(t, site.New(t, open(t, r.URL())), 8)
	for range 3 {
		l.Served(20)
		r.Kill()
		l.Refused(true)
		r.Restart(t)
		l.Served(20)
	}
	if lost := l.Check(); lost > 0 {
		t.Errorf("%d acknowledged changes were lost", lost)
	}
}

// TestPause stops a server under load for five seconds. It keeps its connections, takes
// new ones, and answers nothing.
func TestPause(t *testing.T) {
	r := durable(t)
	l := site.StartLoad(t, site.New(t, open(t, r.URL())), 8)
	l.Served(20)
	r.Pause(t)
	time.Sleep(5 * time.Second)
	r.Resume(t)
	l.Served(20)
	if lost := l.Check(); lost > 0 {
		t.Errorf("%d acknowledged changes were lost", lost)
	}
	if l.Refusals() == 0 {
		t.Error("no call was refused in five seconds")
	}
}

// TestNetwork cuts connections, pulls the cable, and leaves half an answer, under load.
func TestNetwork(t *testing.T) {
	r := durable(t)
	p := servers.StartProxy(t, r.Addr)
	l := site.StartLoad(t, site.New(t, open(t, "redis://"+p.Addr)), 8)
	for _, fault := range []func(){p.Cut, p.Stall, func() { p.StallAfter(1000) }} {
		l.Served(20)
		fault()
		l.Refused(true)
		p.Mend()
		l.Served(20)
	}
	p.Delay(5 * time.Millisecond)
	l.Served(5)
	p.Delay(0)
	if lost := l.Check(); lost > 0 {
		t.Errorf("%d acknowledged changes were lost", lost)
	}
}

// TestClusterFailover kills a master under load. How many acknowledged changes that
// loses depends on chance; with a replica that has each, none. The master that was
// promoted then has no replica itself, so changes are refused until the old one is
// back.
func TestClusterFailover(t *testing.T) {
	for _, wait := range []string{"wait_replicas=0", "wait_replicas=1"} {
		t.Run(wait, func(t *testing.T) {
			c := servers.StartCluster(t, servers.RedisOptions{})
			s := site.New(t, open(t, c.URL(), wait))
			l := site.StartLoad(t, s, 12)
			l.Served(20)
			c.Nodes[0].Kill()
			l.Refused(false)
			if wait != "wait_replicas=0" {
				servers.Until(t, "the replica takes over", func() error {
					if role := c.Nodes[3].Info("role"); role != "master" {
						return errors.New(role)
					}
					return nil
				})
				c.Nodes[0].Restart(t)
			}
			l.Served(20)
			if lost := l.Check(); lost > 0 && wait != "wait_replicas=0" {
				t.Errorf("%d acknowledged changes were lost", lost)
			}
		})
	}
}

// TestSentinelFailover kills the master under load.
func TestSentinelFailover(t *testing.T) {
	s := servers.StartSentinel(t, servers.RedisOptions{})
	l := site.StartLoad(t, site.New(t, open(t, s.URL())), 8)
	l.Served(20)
	s.Servers[0].Kill()
	l.Refused(true)
	l.Served(20)
	l.Check()
}
