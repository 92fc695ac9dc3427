package sql

import (
	"strings"
	"testing"

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

// TestKill kills a server under load and starts it again, three times.
func TestKill(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			s := start(t, servers.SQLOptions{Durable: true})
			l := site.StartLoad(t, site.New(t, open(t, s.URL(t))), 6)
			for range 3 {
				l.Served(20)
				s.Kill()
				l.Refused(true)
				s.Restart(t)
				l.Served(20)
			}
			kept(t, l)
		})
	}
}

// TestNetwork cuts connections, pulls the cable, and leaves half an answer, under load.
func TestNetwork(t *testing.T) {
	for name, server := range common {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			p := servers.StartProxy(t, s.Addr)
			rawURL := strings.Replace(s.URL(t), s.Addr, p.Addr, 1)
			l := site.StartLoad(t, site.New(t, open(t, rawURL)), 6)
			for _, fault := range []func(){p.Cut, p.Stall, func() { p.StallAfter(1000) }} {
				l.Served(20)
				fault()
				l.Refused(true)
				p.Mend()
				l.Served(20)
			}
			kept(t, l)
		})
	}
}
