package linear

import (
	"context"
	crand "crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// plan is one run: clients share a few browsers, each of which reaches its session
// through any of the nodes.
type plan struct {
	seed     int64
	clients  int
	browsers int
	ops      int // of each client

	atomicMoves bool          // the store has them, so a sign-in happens in one step
	faults      bool          // the store has them
	revokes     bool          // the store can list by owner
	idle        time.Duration // the sites' idle timeout, if sessions expire
	naps        int           // how often a browser rests until its session has expired
	without     []kind        // left out
}

// node answers a request, as one process of a site. An error means that the outcome is
// unknown.
type node func(*http.Request) (*http.Response, error)

// history is what happened to one session, as its clients saw it.
type history struct {
	number int

	mu  sync.Mutex
	ops []porcupine.Operation
}

func (h *history) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

// browser is a cookie jar with a session, that several clients use at once: tabs.
type browser struct {
	resting sync.RWMutex // a request holds it to read, a nap to write
	mu      sync.Mutex
	h       *history
	used    int64    // when the session was last seen
	unsure  bool     // a request without an answer may still use the session
	tickets []ticket // as handed out, the newest last
	misses  int      // how often the session was gone
	doubts  int      // unknown outcomes
}

type ticket struct {
	number int
	secret string
}

// patience is how often clients try a session that is gone before they begin another.
// maxDoubts bounds how many operations of one session have an unknown outcome: the
// checker tries each both ways.
const (
	patience  = 12
	maxDoubts = 4
	maxOps    = 50 // of one session, roughly
)

type run struct {
	plan
	nodes    []node
	start    time.Time
	browsers []*browser

	mu        sync.Mutex
	histories []*history
	numbers   int // of tickets and arguments
	napsLeft  int
	wiped     []interval
	failure   error
}

// interval bounds the moment at which something happened.
type interval struct{ begin, end int64 }

// histories lets clients act at random and returns what they saw. The seed decides what
// each client does, but not how their requests interleave.
func (p plan) histories(nodes []node) ([]*history, error) { return p.begin(nodes).work() }

func (p plan) begin(nodes []node) *run {
	r := &run{plan: p, nodes: nodes, start: time.Now(), napsLeft: p.naps}
	for range p.browsers {
		r.browsers = append(r.browsers, &browser{})
	}
	return r
}

func (r *run) work() ([]*history, error) {
	var clients sync.WaitGroup
	for id := range r.clients {
		clients.Go(func() {
			lots := rand.New(rand.NewPCG(uint64(r.seed), uint64(id)+2))
			for range r.ops {
				if err := r.one(id, lots); err != nil {
					r.mu.Lock()
					r.failure = err
					r.mu.Unlock()
					return
				}
			}
		})
	}
	clients.Wait()
	return r.histories, r.failure
}

func (r *run) number() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.numbers++
	return r.numbers
}

// kinds are drawn from, so each is as likely as it is frequent here.
var kinds = []kind{
	get, get, get, get, get, get, get, get,
	set, set, set, put, put, remove, remove,
	incr, incr, incr, incr, update, update, extend, extend, extend, shift, shift, shift,
	login, login, logout, revoke,
}

// one performs one operation and records it.
func (r *run) one(client int, lots *rand.Rand) error {
	b := r.browsers[lots.IntN(len(r.browsers))]
	in := input{kind: kinds[lots.IntN(len(kinds))]}
	if in.kind == revoke && !r.revokes || slices.Contains(r.without, in.kind) {
		in.kind = incr
	}
	if lots.IntN(20) == 0 {
		if err := r.forge(r.nodes[lots.IntN(len(r.nodes))]); err != nil {
			return err
		}
	}
	if r.naps > 0 && lots.IntN(20) == 0 {
		r.nap(b)
	}
	b.resting.RLock()
	defer b.resting.RUnlock()
	to := r.nodes[lots.IntN(len(r.nodes))]
	pause := lots.IntN(2) * lots.IntN(1500)
	stale := lots.IntN(8) == 0
	h, with, err := r.session(b, to, stale, lots)
	if err != nil || h == nil {
		return err
	}
	number := r.number()
	in.ticket, in.arg = with.number, fmt.Sprintf("%d,", number)
	if in.kind == login {
		in.makes = number
	}
	call := r.now()
	out, secret, err := r.send(to, in, h, with.secret, pause)
	if err != nil {
		return err
	}
	returned := r.now()
	if out.unknown {
		b.noteUnsure(h)
		if in.kind == get {
			return nil // no client learnt anything, and nothing can have happened
		}
		returned = math.MaxInt64
	}
	op := porcupine.Operation{
		ClientId: client, Input: in, Output: out, Call: call, Return: returned,
	}
	h.add(r.steps(op)...)
	b.learn(h, in, out, secret)
	if r.idle > 0 {
		r.mayHaveExpired(b, h, out, call)
	}
	return nil
}

func (h *history) add(ops ...porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, ops...)
}

// perhaps returns an operation without a client that happened at some moment since, or
// not.
func perhaps(k kind, since int64) porcupine.Operation {
	return porcupine.Operation{
		ClientId: noClient, Input: input{kind: k}, Output: output{unknown: true},
		Call: since, Return: math.MaxInt64,
	}
}

// surely returns an operation without a client that happened.
func surely(k kind, when interval) porcupine.Operation {
	return porcupine.Operation{
		ClientId: noClient, Input: input{kind: k}, Output: output{},
		Call: when.begin, Return: when.end,
	}
}

// noClient is the client of an operation that no client asked for.
const noClient = 1000

// nap leaves the session of a browser alone until it has expired, unless a late request
// may still use it.
func (r *run) nap(b *browser) {
	r.mu.Lock()
	ok := r.napsLeft > 0
	if ok {
		r.napsLeft--
	}
	r.mu.Unlock()
	if !ok {
		return
	}
	b.resting.Lock()
	defer b.resting.Unlock()
	b.mu.Lock()
	h, unsure := b.h, b.unsure
	b.mu.Unlock()
	if h == nil || unsure {
		return
	}
	begin := r.now()
	time.Sleep(r.idle + 2*time.Second) // stores keep whole seconds
	h.add(surely(expire, interval{begin, r.now()}))
}

// mayHaveExpired notes that a session may have expired, because a machine or a server
// stood still and the session was not used for long.
func (r *run) mayHaveExpired(b *browser, h *history, out output, call int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.h != h {
		return
	}
	if call-b.used > int64(r.idle)/2 {
		h.add(perhaps(expire, b.used))
	}
	if !out.gone && !out.unknown {
		b.used = max(b.used, call)
	}
}

// forge sends a ticket that was never handed out. It must read as no session, and must
// not become one.
func (r *run) forge(to node) error {
	var secret [32]byte
	_, _ = crand.Read(secret[:])
	forged := base64.RawURLEncoding.EncodeToString(secret[:])
	none := &history{number: -1}
	out, handed, err := r.send(to, input{kind: set, arg: "forged"}, none, forged, 0)
	if err == nil && !out.unknown && (!out.gone || handed != "") {
		err = errors.New("a ticket that was never handed out was taken for one")
	}
	return err
}

func (r *run) now() int64 { return int64(time.Since(r.start)) }

// session returns the session of a browser, begun if need be, and the ticket to try:
// sometimes one that was replaced. It returns no history if none could be begun.
func (r *run) session(b *browser, to node, stale bool, lots *rand.Rand) (*history, ticket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.h == nil || b.misses > patience || b.doubts > maxDoubts || b.h.length() > maxOps {
		h := &history{number: r.number()}
		began := r.now()
		out, secret, err := r.send(to, input{kind: create}, h, "", 0)
		if err != nil || out.unknown {
			return nil, ticket{}, err
		}
		if secret == "" {
			return nil, ticket{}, fmt.Errorf("a new session was acknowledged without a cookie")
		}
		b.h, b.tickets, b.used = h, []ticket{{0, secret}}, began
		b.misses, b.doubts, b.unsure = 0, 0, false
		r.mu.Lock()
		for _, w := range r.wiped {
			if began < w.end && w.end != math.MaxInt64 { // a wipe under way is noted at its end
				h.add(over(perhaps(wipe, began), w.end))
			}
		}
		r.histories = append(r.histories, h)
		r.mu.Unlock()
	}
	if stale {
		return b.h, b.tickets[lots.IntN(len(b.tickets))], nil
	}
	return b.h, b.tickets[len(b.tickets)-1], nil
}

// noteUnsure notes that a request without an answer may still use the session.
func (b *browser) noteUnsure(h *history) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unsure = b.unsure || b.h == h
}

// learn updates the browser by the outcome.
func (b *browser) learn(h *history, in input, out output, secret string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.h != h:
	case in.kind == login && !out.gone && !out.unknown:
		b.tickets = append(b.tickets, ticket{in.makes, secret})
	case out.unknown || out.dropped:
		b.doubts++
	case out.gone && in.ticket == b.tickets[len(b.tickets)-1].number:
		b.misses++
	}
}

// send performs an operation at a node. An error is a fault of the site.
func (r *run) send(
	to node, in input, h *history, secret string, pause int,
) (output, string, error) {
	q := url.Values{
		"kind":  {string(in.kind)},
		"arg":   {in.arg},
		"owner": {"owner " + strconv.Itoa(h.number)},
		"pause": {strconv.Itoa(pause)},
	}
	request, err := http.NewRequestWithContext(
		context.Background(), http.MethodPost, "/?"+q.Encode(), nil)
	if err != nil {
		return output{}, "", err
	}
	if secret != "" {
		request.Header.Set("Cookie", "session="+secret)
	}
	response, err := to(request)
	if err != nil {
		return output{unknown: true}, "", nil
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	var a answer
	switch {
	case response.StatusCode == http.StatusServiceUnavailable:
		if len(response.Cookies()) > 0 {
			return output{}, "", fmt.Errorf("%s: a failed response has a cookie", in.kind)
		}
		return output{unknown: true}, "", nil
	case err != nil:
		return output{unknown: true}, "", nil
	case response.StatusCode != http.StatusOK:
		return output{}, "", fmt.Errorf("%s: status %d", in.kind, response.StatusCode)
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return output{}, "", fmt.Errorf("%s: %w", in.kind, err)
	}
	handed := ""
	for _, c := range response.Cookies() {
		handed = c.Value
		if c.MaxAge < 0 && in.kind != logout {
			return output{}, "", fmt.Errorf("%s: the response clears the cookie, "+
				"which may be a newer one by now", in.kind)
		}
	}
	if in.kind == login && !a.Gone && !a.Dropped && handed == "" {
		return output{}, "", fmt.Errorf("a sign-in was acknowledged without a new ticket")
	}
	return output{gone: a.Gone || a.Dropped, dropped: a.Dropped, values: a.Values}, handed, nil
}
