package linear

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/filestore"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
)

var (
	seedFlag = flag.Int64("linear.seed", 0, "draw from this `seed`, as a failed run printed it; zero draws one")
	opsFlag  = flag.Int("linear.ops", 150, "operations of each client in a run")
	runsFlag = flag.Int("linear.runs", 3, "runs of each test, each with new sessions")
)

const (
	clients   = 8
	browsers  = 3
	checkTime = 5 * time.Second // for one session; beyond it the checker gives up
)

// The variables by which a test starts itself as a server, see process.
const (
	serveDir  = "CLOAKROOM_LINEAR_DIR"
	serveSeed = "CLOAKROOM_LINEAR_SEED"
	serveOdds = "CLOAKROOM_LINEAR_ODDS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDir); dir != "" {
		if err := serveProcess(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveProcess serves a site on the files in dir until its standard input ends.
func serveProcess(dir string) error {
	store, err := filestore.NewWith(dir, filestore.Options{NoSync: true})
	if err != nil {
		return err
	}
	seed, err := strconv.ParseInt(os.Getenv(serveSeed), 10, 64)
	if err != nil {
		return err
	}
	oneIn, err := strconv.Atoi(os.Getenv(serveOdds))
	if err != nil {
		return err
	}
	site, err := newSite(faulty(store, seed, oneIn))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		listener.Close()
	}()
	_ = http.Serve(listener, site) // ends when the listener is closed
	return nil
}

// process starts a server process on dir.
func process(t *testing.T, dir string, seed int64, oneIn int) node {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serveDir+"="+dir, fmt.Sprintf("%s=%d", serveSeed, seed), fmt.Sprintf("%s=%d", serveOdds, oneIn))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("server process: %v", err)
		}
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal("the server process did not begin: ", err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	return func(r *http.Request) (*http.Response, error) {
		r.URL = &url.URL{Scheme: "http", Host: strings.TrimSpace(addr), Path: "/", RawQuery: r.URL.RawQuery}
		return client.Do(r)
	}
}

// manager returns a node that is a manager of its own in this process.
func manager(t *testing.T, store cloakroom.Store) node {
	t.Helper()
	site, err := newSite(store)
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w.Result(), nil
	}
}

func memory(t *testing.T) *memstore.Store {
	s := memstore.New(memstore.Options{})
	t.Cleanup(func() { s.Close() })
	return s
}

func files(t *testing.T) *filestore.Store {
	t.Helper()
	s, err := filestore.NewWith(t.TempDir(), filestore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setups are sites of two nodes on one store. oneIn is how many store calls there are to a fault; zero
// is none.
var setups = map[string]func(t *testing.T, seed int64, oneIn int) []node{
	"memory": func(t *testing.T, seed int64, oneIn int) []node {
		store := faulty(memory(t), seed, oneIn)
		return []node{manager(t, store), manager(t, store)}
	},
	"files": func(t *testing.T, seed int64, oneIn int) []node {
		store := faulty(files(t), seed, oneIn)
		return []node{manager(t, store), manager(t, store)}
	},
	"files, two processes": func(t *testing.T, seed int64, oneIn int) []node {
		dir := t.TempDir()
		return []node{process(t, dir, seed, oneIn), process(t, dir, seed+1, oneIn)}
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

func newPlan(t *testing.T) plan {
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("to draw the same again: -linear.seed %d", seed)
	ops := *opsFlag
	if testing.Short() {
		ops = min(ops, 80)
	}
	return plan{seed: seed, clients: clients, browsers: browsers, ops: ops}
}

// check runs the plan and fails the test for every session whose history is not linearizable.
func check(t *testing.T, p plan, nodes []node) {
	t.Helper()
	histories, err := p.histories(nodes)
	if err != nil {
		t.Fatal(err)
	}
	ops, unknown, undecided := 0, 0, 0
	for _, h := range histories {
		ops += len(h.ops)
		for _, op := range h.ops {
			if op.Output.(output).unknown {
				unknown++
			}
		}
		switch result, info := porcupine.CheckOperationsVerbose(model, h.ops, checkTime); result {
		case porcupine.Illegal:
			t.Errorf("session %d is not linearizable: %s\n%s", h.number, draw(t, info), stuck(h.ops, info))
		case porcupine.Unknown:
			t.Logf("session %d: not decided within %v (%d operations)", h.number, checkTime, len(h.ops))
			undecided++
		}
	}
	t.Logf("%d sessions, %d operations, %d of unknown outcome", len(histories), ops, unknown)
	if undecided*20 > len(histories) {
		t.Errorf("%d of %d sessions were not decided", undecided, len(histories))
	}
	if ops < p.clients*p.ops/2 {
		t.Errorf("only %d of %d operations were recorded", ops, p.clients*p.ops)
	}
}

// draw writes the history to a file for a browser, which outlives the test.
func draw(t *testing.T, info porcupine.LinearizationInfo) string {
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

// stuck lists the operations about the first that fits nowhere: those that the longest attempt left
// out, and the latest that it placed.
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

// TestModel: what the checker must tell apart, on histories written by hand.
func TestModel(t *testing.T) {
	type op struct {
		call, end int64
		in        input
		out       output
	}
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
		"revocation misses a sign-in": {[]op{
			{1, 2, input{kind: login, makes: 7}, output{}}, {3, 4, input{kind: revoke}, output{}}, {5, 6, input{kind: get, ticket: 7}, n(0)}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var ops []porcupine.Operation
			for i, o := range tt.ops {
				ops = append(ops, porcupine.Operation{ClientId: i, Input: o.in, Output: o.out, Call: o.call, Return: o.end})
			}
			if got := porcupine.CheckOperations(model, ops); got != tt.want {
				t.Errorf("linearizable: %v, want %v", got, tt.want)
			}
		})
	}
}

// TestFindsBugs: each of these stores breaks a promise, and clients would see it.
func TestFindsBugs(t *testing.T) {
	for name, broken := range map[string]func(cloakroom.FullStore) cloakroom.Store{
		"Replace always wins":               func(s cloakroom.FullStore) cloakroom.Store { return lastWins{s} },
		"Replace recreates what is deleted": func(s cloakroom.FullStore) cloakroom.Store { return resurrecting{s} },
		"Move leaves the old ticket alive":  func(s cloakroom.FullStore) cloakroom.Store { return copying{s} },
		"Owned lists nothing":               func(s cloakroom.FullStore) cloakroom.Store { return unlisted{s} },
		"Delete does nothing":               func(s cloakroom.FullStore) cloakroom.Store { return undeleting{s} },
	} {
		t.Run(name, func(t *testing.T) {
			for try := range 10 {
				p := newPlan(t)
				p.atomicMoves = true
				store := broken(memory(t))
				histories, err := p.histories([]node{manager(t, store), manager(t, store)})
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range histories {
					if porcupine.CheckOperationsTimeout(model, h.ops, checkTime) == porcupine.Illegal {
						t.Logf("found in run %d", try+1)
						return
					}
				}
			}
			t.Error("the checker did not find it in ten runs")
		})
	}
}
