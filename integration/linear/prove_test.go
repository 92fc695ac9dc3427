package linear

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

var (
	fullFlag  = flag.Bool("prove.full", false, "the long mode: as many operations and faults as the documentation tells of")
	placeFlag = flag.String("prove.place", "", "only this place, by `name`")
)

// idle is short, so that sessions are touched and expire while promises are proven.
const idle = 6 * time.Second

// minFaults is how many faults the long mode injects in each place, at least.
const minFaults = 8

// proof is the result for one place.
type proof struct {
	place  string
	faults int   // of servers, networks, disks, clocks and processes
	calls  int64 // of the store, whose answers were lost, or that were held up
	took   time.Duration
	verdict
}

// TestProve checks the histories of every place while faults are injected, and then that
// the checks find every deliberate bug. The long mode (make prove) does a million
// operations; the short one looks whether it would work.
func TestProve(t *testing.T) {
	servers.Long(t)
	var proofs []proof
	for _, p := range places {
		if *placeFlag == "" || *placeFlag == p.name {
			t.Run(p.name, func(t *testing.T) { proofs = append(proofs, p.prove(t)) })
		}
	}
	var caught []string
	if *placeFlag == "" {
		t.Run("deliberate bugs", func(t *testing.T) { caught = findBugs(t) })
	}
	fmt.Fprintln(os.Stdout, table(proofs, caught))
	if *fullFlag && *placeFlag == "" {
		ops, faults := 0, 0
		for _, p := range proofs {
			ops, faults = ops+p.ops, faults+p.faults
			if p.ops < 20_000 || p.faults < 5 && p.calls < 1000 { // memory has no server to disturb
				t.Errorf("%s: %d operations and %d faults are not enough", p.place, p.ops, p.faults)
			}
		}
		if ops < 1_000_000 || faults < 100 {
			t.Errorf("%d operations and %d faults are not enough", ops, faults)
		}
	}
}

// prove lets clients use a place until enough has happened, and judges what they saw.
func (pl *place) prove(t *testing.T) proof {
	begin := time.Now()
	b := pl.start(t)
	p := newPlan(t)
	p.atomicMoves, p.revokes, p.without, p.faults, p.idle = pl.moves, pl.listing, pl.without, true, idle
	p.ops = 60
	nodes, faults := pl.nodes(t, b, p)
	total := proof{place: pl.name}
	before := injected.Load()
	for runs := 0; ; runs++ {
		if *fullFlag {
			p.ops, p.browsers = min(1000, max(200, (pl.ops-total.ops)/p.clients)), 6
		}
		if *fullFlag && !b.noNaps && runs%4 == 0 {
			p.naps = 1
		} else {
			p.naps = 0
		}
		r := p.begin(nodes)
		disturbed := r.disturb(t, faults, *fullFlag && b.local == nil)
		histories, err := r.work()
		total.faults += disturbed()
		if err != nil {
			t.Error(err)
			total.violations++
			break
		}
		total.add(pl.judge(t, histories))
		t.Logf("run %d: %d operations, %d faults, %v", runs, total.ops, total.faults, time.Since(begin).Round(time.Second))
		ops, wanted := pl.ops, minFaults
		if !*fullFlag {
			ops, wanted = 0, 2
		}
		if t.Failed() || total.ops >= ops && (total.faults >= wanted || len(faults) == 0) {
			break
		}
		p.seed++
	}
	total.took, total.calls = time.Since(begin), injected.Load()-before
	t.Logf("%d sessions, %d operations of which %d of unknown outcome, %d faults", total.sessions, total.ops, total.unknown, total.faults)
	return total
}

func (pl *place) judge(t *testing.T, histories []*history) verdict {
	if !pl.loses {
		return judge(t, histories)
	}
	v := verdict{sessions: len(histories)}
	for _, h := range histories {
		v.ops += len(h.ops)
		switch porcupine.CheckOperationsTimeout(losing, h.ops, checkTime) {
		case porcupine.Illegal:
			t.Errorf("session %d is not linearizable, even if a failover lost the latest changes\n%s", h.number, listed(h.ops))
			v.violations++
		case porcupine.Unknown:
			v.undecided++
		}
	}
	return v
}

func (v *verdict) add(w verdict) {
	v.sessions += w.sessions
	v.ops += w.ops
	v.unknown += w.unknown
	v.undecided += w.undecided
	v.violations += w.violations
}

// nodes returns sites on the place, and the faults for the place and for them. One site
// has store calls whose answers are lost.
func (pl *place) nodes(t *testing.T, b *backend, p plan) ([]node, []fault) {
	options := cloakroom.Options{Idle: idle, Now: b.clock}
	if b.local != nil {
		return []node{managerOf(t, b.local, options), managerOf(t, faulty(b.local, p.seed, 30), options)}, b.faults
	}
	store, err := openStore(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	sweeping(t, store)
	one, two := startProcess(t, b.url, p.seed, 0, idle), startProcess(t, b.url, p.seed+1, 0, idle)
	faults := append([]fault{
		{"process killed and restarted", func(_ *run, lots *rand.Rand) error {
			victim := []*process{one, two}[lots.IntN(2)]
			victim.kill()
			// its store may be slow to open
			servers.Until(t, "the process begins again", victim.start)
			return nil
		}},
		{"process paused", func(_ *run, lots *rand.Rand) error { return two.pause(short(lots)) }},
	}, b.faults...)
	return []node{one.do, two.do, managerOf(t, faulty(store, p.seed, 50), options)}, faults
}

// sweepEvery is short, so that sweeps meet sessions of every kind, and that servers which
// read all their data for each call do not slow down.
const sweepEvery = time.Second

// sweeping removes expired records until the test ends, as a site would.
func sweeping(t *testing.T, store store.Store) {
	t.Helper()
	m, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(sweepEvery):
				_, _ = m.Sweep(ctx) // which fails while the server is disturbed
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
}

// disturb injects one random fault after the other until stop is called, which returns
// how many there were. The pauses are longer where recovery takes long.
func (r *run) disturb(t *testing.T, faults []fault, apart bool) (stop func() int) {
	done, ended := make(chan struct{}), make(chan struct{})
	n := 0
	go func() {
		defer close(ended)
		lots := rand.New(rand.NewPCG(uint64(r.seed), 0))
		pause := 100 // between faults, in milliseconds, and up to five times that
		if apart {
			pause = 500
		}
		for len(faults) > 0 {
			select {
			case <-done:
				return
			case <-time.After(time.Duration(pause*(1+lots.IntN(5))) * time.Millisecond):
			}
			f := faults[lots.IntN(len(faults))]
			if err := f.do(r, lots); err != nil {
				t.Errorf("%s: %v", f.name, err)
				return
			}
			n++
		}
	}()
	return func() int {
		close(done)
		<-ended
		return n
	}
}

func listed(ops []porcupine.Operation) string {
	var text strings.Builder
	for _, op := range ops {
		fmt.Fprintf(&text, "\t%d to %d: %s\n", op.Call, op.Return, describe(op.Input.(input), op.Output.(output)))
	}
	return text.String()
}

func table(proofs []proof, caught []string) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "place\thistories\toperations\tunknown\tfaults\tcalls disturbed\tundecided\tviolations\ttook\t")
	sum := proof{place: "all"}
	for _, p := range proofs {
		sum.add(p.verdict)
		sum.faults, sum.calls, sum.took = sum.faults+p.faults, sum.calls+p.calls, sum.took+p.took
	}
	for _, p := range append(proofs, sum) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%v\t\n", p.place, p.sessions, p.ops, p.unknown, p.faults, p.calls, p.undecided, p.violations, p.took.Round(time.Second))
	}
	w.Flush()
	for _, name := range caught {
		fmt.Fprintf(&text, "caught: %s\n", name)
	}
	return text.String()
}
