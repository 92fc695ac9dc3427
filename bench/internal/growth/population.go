// Package growth measures whether it matters how many sessions there are.
package growth

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
	"github.com/cloakroom-go/cloakroom/store"
)

// Payload is how many bytes the one value of each session has.
const Payload = 100

// lifetime is longer than any run, so that no request touches its session.
const lifetime = 10 * 24 * time.Hour

// Population is a store full of sessions.
type Population struct {
	store    string
	manager  *cloakroom.Manager
	kept     store.Store
	cookies  []string
	bytes    func() (int64, error) // that the store takes, on disk or in memory
	alone    bool
	fillers  int
	counter  atomic.Int64
	BytesPer float64 // of the store, for each session
}

// fill makes n sessions.
func (p *Population) fill(ctx context.Context, n int) error {
	before, err := p.bytes()
	if err != nil {
		return err
	}
	p.cookies = make([]string, n)
	errs := make([]error, p.fillers)
	var next atomic.Int64
	var done sync.WaitGroup
	for f := range p.fillers {
		done.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && errs[f] == nil; i = next.Add(1) - 1 {
				p.cookies[i], errs[f] = p.begin(ctx)
			}
		})
	}
	done.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: filling it with %d sessions: %w", p.store, n, err)
		}
	}
	after, err := p.bytes()
	p.BytesPer = float64(after-before) / float64(n)
	return err
}

// begin begins a session, and returns the header of its cookie.
func (p *Population) begin(ctx context.Context) (string, error) {
	s := p.manager.Open(ctx, "")
	defer s.Close()
	sites.Name.Set(s, p.value())
	if err := s.Save(); err != nil {
		return "", err
	}
	c := s.Cookie()
	return c.Name + "=" + c.Value, nil
}

// value returns a new value.
func (p *Population) value() string {
	number := strconv.FormatInt(p.counter.Add(1), 10)
	return strings.Repeat("v", Payload-len(number)) + number
}

// site returns the site where the sessions are used.
func (p *Population) site() *measure.Site {
	return &measure.Site{
		Library: "cloakroom", Store: p.store, Acts: []measure.Act{measure.Read, measure.Write},
		Handler: func(act measure.Act, _ *measure.Visitor) http.Handler {
			return p.manager.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if act == measure.Read {
					measure.Answer(w, len(sites.Name.Get(p.manager.Get(r))) == Payload)
					return
				}
				sites.Name.Set(p.manager.Get(r), p.value())
				measure.Answer(w, true)
			}))
		},
	}
}

// cells returns the cells of the population: the handler alone, and the acts.
func (p *Population) cells(acts ...measure.Act) []measure.Cell {
	bare := measure.NewPopulation(sites.Bare(p.store), measure.Untouched, 0, p.cookies)
	cells := []measure.Cell{p.cell(bare)}
	for _, act := range acts {
		cells = append(cells, p.cell(measure.NewPopulation(p.site(), act, Payload, p.cookies)))
	}
	return cells
}

func (p *Population) cell(c *measure.Crowd) measure.Cell {
	if p.alone {
		return onOne{measure.NewSerial(c)}
	}
	return measure.NewTogether(c, serverClients)
}

// serverClients is the number of clients at once where the store has a server.
const serverClients = 16

// onOne measures with one processor, as package measure advises.
type onOne struct{ *measure.Serial }

// Sample implements [measure.Cell].
func (o onOne) Sample(each time.Duration) (measure.Sample, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	return o.Serial.Sample(each)
}
