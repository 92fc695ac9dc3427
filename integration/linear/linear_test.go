package linear

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

var (
	seedFlag = flag.Int64("linear.seed", 0, "draw from this `seed`, as a failed run printed it; zero draws one")
	opsFlag  = flag.Int("linear.ops", 150, "operations of each client in a run")
	runsFlag = flag.Int("linear.runs", 1, "runs of each test, each with new sessions")
)

const (
	clients   = 8
	browsers  = 3
	checkTime = 30 * time.Second // for one session; beyond it the checker gives up
)

func memory(t testing.TB) *memstore.Store {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func files(t *testing.T) *filestore.Store {
	t.Helper()
	s, err := filestore.New(t.TempDir(), filestore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setups are sites of two nodes on one store. oneIn is how many store calls there are to
// one fault; zero is no faults.
var setups = map[string]func(t *testing.T, seed int64, oneIn int) []node{
	"memory": func(t *testing.T, seed int64, oneIn int) []node {
		store := faulty(memory(t), seed, oneIn)
		ends := newEnds(t, store, oneIn > 0)
		return []node{ends.manager(t, store), ends.manager(t, store)}
	},
	"files": func(t *testing.T, seed int64, oneIn int) []node {
		store := faulty(files(t), seed, oneIn)
		ends := newEnds(t, store, oneIn > 0)
		return []node{ends.manager(t, store), ends.manager(t, store)}
	},
	"files, two processes": func(t *testing.T, seed int64, oneIn int) []node {
		rawURL := "file://" + t.TempDir() + "?sync=off"
		return []node{startProcess(t, rawURL, seed, oneIn, 0).do, startProcess(t, rawURL, seed+1, oneIn, 0).do}
	},
}

func TestLinearizable(t *testing.T) {
	for name, setup := range setups {
		for _, oneIn := range []int{0, 20} {
			t.Run(fmt.Sprintf("%s/faults one in %d", name, oneIn), func(t *testing.T) {
				runs := *runsFlag
				if testing.Short() {
					runs = 1
				}
				for range runs {
					p := newPlan(t)
					p.atomicMoves, p.faults = name == "memory", oneIn > 0
					check(t, p, setup(t, p.seed, oneIn))
				}
			})
		}
	}
}

func newPlan(t testing.TB) plan {
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("to draw the same again: -linear.seed %d", seed)
	ops := *opsFlag
	if testing.Short() {
		ops = min(ops, 80)
	}
	return plan{seed: seed, clients: clients, browsers: browsers, ops: ops, revokes: true}
}

// check runs the plan and fails the test for every session whose history is not linearizable.
func check(t testing.TB, p plan, nodes []node) {
	t.Helper()
	histories, err := p.histories(nodes)
	if err != nil {
		t.Fatal(err)
	}
	judge(t, histories).enough(t, p)
}

// verdict is the result for histories.
type verdict struct{ sessions, ops, unknown, undecided, violations int }

// judge fails the test for every session whose history is not linearizable.
func judge(t testing.TB, histories []*history) verdict {
	t.Helper()
	v := verdict{sessions: len(histories)}
	for _, h := range histories {
		v.ops += len(h.ops)
		for _, op := range h.ops {
			if op.Output.(output).unknown {
				v.unknown++
			}
		}
		result, info := porcupine.CheckOperationsVerbose(model, h.ops, checkTime)
		if result == porcupine.Illegal && slices.ContainsFunc(h.ops, func(op porcupine.Operation) bool { return op.Input.(input).kind == wipe }) {
			h.ops = tear(h.ops)
			result, info = porcupine.CheckOperationsVerbose(wiping, h.ops, checkTime)
		}
		switch result {
		case porcupine.Illegal:
			t.Errorf("session %d is not linearizable: %s\n%s", h.number, draw(t, info), stuck(h.ops, info))
			v.violations++
		case porcupine.Unknown:
			t.Logf("session %d: not decided within %v (%d operations)", h.number, checkTime, len(h.ops))
			v.undecided++
		}
	}
	return v
}

// enough fails the test if too little was seen for a verdict.
func (v verdict) enough(t testing.TB, p plan) {
	t.Helper()
	t.Logf("%d sessions, %d operations, %d of unknown outcome", v.sessions, v.ops, v.unknown)
	if v.undecided*10 > v.sessions { // a busy machine leaves more outcomes unknown
		t.Errorf("%d of %d sessions were not decided", v.undecided, v.sessions)
	}
	if v.ops < p.clients*p.ops/2 {
		t.Errorf("only %d of %d operations were recorded", v.ops, p.clients*p.ops)
	}
}

// draw writes the history to a file for a browser, which outlives the test.
func draw(t testing.TB, info porcupine.LinearizationInfo) string {
	f, err := os.CreateTemp("", "cloakroom-linear-*.html")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := porcupine.Visualize(model, info, f); err != nil {
		t.Error(err)
	}
	return f.Name()
}

// stuck lists the operations about the first that fits nowhere: those that the longest
// attempt left out, and the latest that it placed.
func stuck(ops []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, attempt := range partition {
			if len(attempt) > len(longest) {
				longest = attempt
			}
		}
	}
	placed := map[any]bool{}
	var text strings.Builder
	line := func(op porcupine.Operation) {
		end := "       ?"
		if op.Return != math.MaxInt64 {
			end = fmt.Sprintf("%8d", op.Return/1000)
		}
		fmt.Fprintf(&text, "\t%8d to %s us, client %d: %s\n", op.Call/1000, end, op.ClientId, describe(op.Input.(input), op.Output.(output)))
	}
	text.WriteString("placed last, in this order:\n")
	for i, op := range longest {
		placed[[3]any{op.ClientId, op.Call, op.Input}] = true
		if i >= len(longest)-12 {
			line(op)
		}
	}
	text.WriteString("left over:\n")
	rest := slices.DeleteFunc(slices.Clone(ops), func(op porcupine.Operation) bool { return placed[[3]any{op.ClientId, op.Call, op.Input}] })
	slices.SortFunc(rest, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for _, op := range rest[:min(len(rest), 20)] {
		line(op)
	}
	return text.String()
}

// op is an operation of a history written by hand.
type op struct {
	call, end int64
	in        input
	out       output
}

func written(history []op) (ops []porcupine.Operation) {
	for i, o := range history {
		ops = append(ops, porcupine.Operation{ClientId: i, Input: o.in, Output: o.out, Call: o.call, Return: o.end})
	}
	return ops
}

// TestModel: what the checker must tell apart, on histories written by hand.
func TestModel(t *testing.T) {
	const never = math.MaxInt64
	gone, unknown, n := output{gone: true}, output{unknown: true}, func(n int) output { return output{values: values{N: n}} }
	for name, tt := range map[string]struct {
		ops  []op
		want bool
	}{
		"increments count": {[]op{
			{1, 4, input{kind: incr}, n(1)}, {2, 3, input{kind: incr}, n(2)}}, true},
		"a lost update": {[]op{
			{1, 4, input{kind: incr}, n(1)}, {2, 3, input{kind: incr}, n(1)}}, false},
		"an old value": {[]op{
			{1, 2, input{kind: incr}, n(1)}, {3, 4, input{kind: get}, n(0)}}, false},
		"an unknown outcome that shows later": {[]op{
			{1, never, input{kind: incr}, unknown}, {3, 4, input{kind: get}, n(0)}, {5, 6, input{kind: get}, n(1)}}, true},
		"an unknown outcome that is taken back": {[]op{
			{1, never, input{kind: incr}, unknown}, {3, 4, input{kind: get}, n(1)}, {5, 6, input{kind: get}, n(0)}}, false},
		"an unknown outcome that happens twice": {[]op{
			{1, never, input{kind: incr}, unknown}, {3, 4, input{kind: get}, n(2)}}, false},
		"sign-out ends it": {[]op{
			{1, 2, input{kind: logout}, output{}}, {3, 4, input{kind: get}, gone}}, true},
		"a session that came back": {[]op{
			{1, 2, input{kind: logout}, output{}}, {3, 4, input{kind: get}, n(0)}}, false},
		"a session that ended by itself": {[]op{
			{1, 2, input{kind: get}, gone}}, false},
		"a write after the sign-out": {[]op{
			{1, 2, input{kind: logout}, output{}}, {3, 4, input{kind: set}, output{}}}, false},
		"the former ticket is dead": {[]op{
			{1, 2, input{kind: login, makes: 7}, output{}}, {3, 4, input{kind: get}, gone}, {5, 6, input{kind: get, ticket: 7}, n(0)}}, true},
		"the former ticket lives": {[]op{
			{1, 2, input{kind: login, makes: 7}, output{}}, {3, 4, input{kind: get}, n(0)}}, false},
		"a second sign-in joins": {[]op{
			{1, 2, input{kind: incr}, n(1)}, {3, 6, input{kind: login, makes: 7}, n(1)}, {3, 6, input{kind: login, makes: 8}, n(1)},
			{7, 8, input{kind: get, ticket: 7}, gone}, {9, 10, input{kind: get, ticket: 8}, n(1)}}, true},
		"a second sign-in leaves the first alive": {[]op{
			{3, 4, input{kind: login, makes: 7}, output{}}, {5, 6, input{kind: login, makes: 8}, output{}},
			{7, 8, input{kind: get, ticket: 8}, n(0)}, {9, 10, input{kind: get, ticket: 7}, n(0)}}, false},
		"a second sign-in loses what was there": {[]op{
			{1, 2, input{kind: incr}, n(1)}, {3, 4, input{kind: login, makes: 7}, n(1)}, {5, 6, input{kind: login, makes: 8}, n(0)}}, false},
		"a second sign-in joins what was signed out": {[]op{
			{3, 4, input{kind: login, makes: 7}, output{}}, {5, 6, input{kind: logout, ticket: 7}, output{}},
			{7, 8, input{kind: login, makes: 8}, n(0)}}, false},
		"revocation misses a sign-in": {[]op{
			{1, 2, input{kind: login, makes: 7}, output{}}, {3, 4, input{kind: revoke}, output{}}, {5, 6, input{kind: get, ticket: 7}, n(0)}}, false},
		"all data lost": {[]op{
			{1, 2, input{kind: wipe}, output{}}, {3, 4, input{kind: get}, gone}}, true},
		"a session that survives the loss": {[]op{
			{1, 2, input{kind: wipe}, output{}}, {3, 4, input{kind: get}, n(0)}}, false},
		"a sign-in that was half-way, which a sign-out by the former ticket no longer finds": {[]op{
			{1, 2, input{kind: leave, makes: 7}, output{}}, {3, 4, input{kind: wipe}, output{}}, {5, 6, input{kind: enter, makes: 7}, output{}},
			{7, 8, input{kind: logout}, output{}}, {9, 10, input{kind: get, ticket: 7}, n(0)}}, true},
		"the same, and the new ticket": {[]op{
			{1, 2, input{kind: leave, makes: 7}, output{}}, {3, 4, input{kind: wipe}, output{}}, {5, 6, input{kind: enter, makes: 7}, output{}},
			{7, 8, input{kind: logout, ticket: 7}, output{}}, {9, 10, input{kind: get, ticket: 7}, n(0)}}, false},
		"the same, and a revocation": {[]op{
			{1, 2, input{kind: leave, makes: 7}, output{}}, {3, 4, input{kind: wipe}, output{}}, {5, 6, input{kind: enter, makes: 7}, output{}},
			{7, 8, input{kind: revoke}, output{}}, {9, 10, input{kind: get, ticket: 7}, n(0)}}, false},
		"a sign-out that a seal led on": {[]op{
			{1, 2, input{kind: leave, makes: 7}, output{}}, {3, 4, input{kind: enter, makes: 7}, output{}},
			{5, 6, input{kind: logout}, output{}}, {7, 8, input{kind: get, ticket: 7}, n(0)}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperations(model, written(tt.ops)); got != tt.want {
				t.Errorf("linearizable: %v, want %v", got, tt.want)
			}
		})
	}
}

// TestWiping: what a loss record by record may do.
func TestWiping(t *testing.T) {
	gone := output{gone: true}
	signIn := []op{{1, 2, input{kind: leave, makes: 7}, output{}}, {3, 4, input{kind: enter, makes: 7}, output{}}}
	for name, tt := range map[string]struct {
		ops  []op
		want bool
	}{
		"the seal went first": {append(slices.Clone(signIn), op{3, 9, input{kind: wipe, until: 9}, output{}},
			op{5, 6, input{kind: logout}, output{}}, op{7, 8, input{kind: set, ticket: 7}, output{}}, op{9, 10, input{kind: get, ticket: 7}, gone}), true},
		"the seal of a sign-in that was half-way": {[]op{{1, 2, input{kind: leave, makes: 7}, output{}}, {1, 9, input{kind: wipe, until: 9}, output{}},
			{3, 4, input{kind: revoke}, output{}}, {5, 6, input{kind: enter, makes: 7}, output{}}, {9, 10, input{kind: get, ticket: 7}, gone}}, true},
		"a sign-out by the ticket itself": {append(slices.Clone(signIn), op{3, 9, input{kind: wipe, until: 9}, output{}},
			op{5, 6, input{kind: logout, ticket: 7}, output{}}, op{7, 8, input{kind: set, ticket: 7}, output{}}), false},
		"a sign-out before": {append(slices.Clone(signIn), op{7, 9, input{kind: wipe, until: 9}, output{}},
			op{5, 6, input{kind: logout}, output{}}, op{7, 8, input{kind: set, ticket: 7}, output{}}), false},
		"a sign-out after what may have been lost": {[]op{{1, math.MaxInt64, input{kind: wipe, until: 4}, output{unknown: true}},
			{3, 4, input{kind: login, makes: 7}, output{}}, {5, 6, input{kind: logout}, output{}}, {7, 8, input{kind: set, ticket: 7}, output{}}}, false},
		"a session that survives": {append(slices.Clone(signIn), op{5, 8, input{kind: wipe, until: 8}, output{}},
			op{5, 6, input{kind: logout}, output{}}, op{9, 10, input{kind: set, ticket: 7}, output{}}), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperations(wiping, tear(written(tt.ops))); got != tt.want {
				t.Errorf("linearizable: %v, want %v", got, tt.want)
			}
		})
	}
}
