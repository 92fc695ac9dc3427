package linear

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// plan is one run: so many clients share so few browsers, each of which reaches its session through any of the nodes.
type plan struct {
	seed     int64
	clients  int
	browsers int
	ops      int // of each client

	atomicMoves bool // the store has them, so a sign-in happens in one step
	faults      bool // the store has them
}

// node answers a request, as one process of a site. An error means that the outcome is unknown.
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
	mu      sync.Mutex
	h       *history
	tickets []ticket // that it was handed out, the newest last
	misses  int      // how often the session was not there
	doubts  int      // how many outcomes were not learnt
}

type ticket struct {
	number int
	secret string
}

// patience is how often clients try a session that is gone before they begin another; maxDoubts bounds how
// many operations of one session may have happened or not, since the checker must try each either way.
const (
	patience  = 12
	maxDoubts = 4
	maxOps    = 50 // of one session, in about
)

type run struct {
	plan
	nodes    []node
	start    time.Time
	browsers []*browser

	mu        sync.Mutex
	histories []*history
	numbers   int // of tickets and arguments
	failure   error
}

// histories has clients do at random what they do, and returns what they saw. What each client does is
// drawn from the seed; how their requests interleave is not.
func (p plan) histories(nodes []node) ([]*history, error) {
	r := &run{plan: p, nodes: nodes, start: time.Now()}
	for range p.browsers {
		r.browsers = append(r.browsers, &browser{})
	}
	var clients sync.WaitGroup
	for id := range p.clients {
		clients.Go(func() {
			lots := rand.New(rand.NewPCG(uint64(p.seed), uint64(id)+2))
			for range p.ops {
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

// kinds are what is drawn, as often as it stands there.
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
		if in.kind == get {
			return nil // nobody learnt anything, and nothing can have happened
		}
		returned = math.MaxInt64
	}
	h.mu.Lock()
	h.ops = append(h.ops, r.steps(porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: returned})...)
	h.mu.Unlock()
	b.learn(h, in, out, secret)
	return nil
}

func (r *run) now() int64 { return int64(time.Since(r.start)) }

// session returns the session of a browser, begun if need be, and the ticket to try it with: sometimes
// one that was replaced. It returns no history when none could be begun.
func (r *run) session(b *browser, to node, stale bool, lots *rand.Rand) (*history, ticket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.h == nil || b.misses > patience || b.doubts > maxDoubts || b.h.length() > maxOps {
		h := &history{number: r.number()}
		out, secret, err := r.send(to, input{kind: create}, h, "", 0)
		if err != nil || out.unknown {
			return nil, ticket{}, err
		}
		if secret == "" {
			return nil, ticket{}, fmt.Errorf("a new session was acknowledged without a cookie")
		}
		b.h, b.tickets, b.misses, b.doubts = h, []ticket{{0, secret}}, 0, 0
		r.mu.Lock()
		r.histories = append(r.histories, h)
		r.mu.Unlock()
	}
	if stale {
		return b.h, b.tickets[lots.IntN(len(b.tickets))], nil
	}
	return b.h, b.tickets[len(b.tickets)-1], nil
}

// learn takes the outcome over into the browser.
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

// send performs an operation at a node. An error says that the site did what it never should.
func (r *run) send(to node, in input, h *history, secret string, pause int) (output, string, error) {
	q := url.Values{
		"kind":  {string(in.kind)},
		"arg":   {in.arg},
		"owner": {"owner " + strconv.Itoa(h.number)},
		"pause": {strconv.Itoa(pause)},
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/?"+q.Encode(), nil)
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
	}
	if in.kind == login && !a.Gone && !a.Dropped && handed == "" {
		return output{}, "", fmt.Errorf("a sign-in was acknowledged without a new ticket")
	}
	return output{gone: a.Gone || a.Dropped, dropped: a.Dropped, values: a.Values}, handed, nil
}
