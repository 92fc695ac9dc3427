package redisstore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	// How many sends of one kind are under way before those who come wait for each
	// other: twice the processors, in these bounds.
	leastSends = 4
	mostSends  = 16
	// maxTogether is how many callers' commands are sent at once at most.
	maxTogether = 32
	// maxShared is the largest command that is sent with others', in bytes.
	maxShared = 16 << 10
)

// together sends the commands of several callers at once when so many come that they
// would wait for each other anyhow: most of what a command costs is a write, a read,
// and waking somebody up. Whoever comes while few are under way sends at once. The
// client collects commands too, but by the clock, so a delay that helps a busy process
// would slow down an idle one.
type together struct {
	client rueidis.Client
	most   int

	mu      sync.Mutex
	sends   int // under way
	waiting []*caller

	// All callers who have no results yet, and what looks for those whose time is up:
	// one timer, where a context that somebody waits for costs each caller as much as
	// its share of a send.
	callers []*caller
	timer   *time.Timer
	timed   bool
}

// lookEvery is how often callers are looked at: one returns so much after the end of
// its context at most.
const lookEvery = 10 * time.Millisecond

// caller is who has commands to send, one or two, on one key.
type caller struct {
	ctx      context.Context
	commands []rueidis.Completed
	results  []rueidis.RedisResult
	done     chan struct{}
	at       int // among the callers, -1 when it has its results
}

func newTogether(client rueidis.Client) *together {
	return &together{client: client, most: min(max(leastSends, 2*runtime.GOMAXPROCS(0)), mostSends)}
}

// do sends commands, and returns their results: after the end of ctx its error for
// each, and they may be sent or not.
func (t *together) do(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	t.mu.Lock()
	if t.sends < t.most {
		t.sends++
		t.mu.Unlock()
		defer t.leave()
		return t.client.DoMulti(ctx, commands...)
	}
	c := &caller{ctx: ctx, commands: commands, done: make(chan struct{}), at: len(t.callers)}
	t.callers = append(t.callers, c)
	t.waiting = append(t.waiting, c)
	if !t.timed {
		t.look()
	}
	t.mu.Unlock()
	<-c.done
	return c.results
}

// look ends the callers whose time is up, and comes again while there are others. t.mu
// is held.
func (t *together) look() {
	ended := false
	// one that ends gives its place to one that was looked at
	for i := len(t.callers) - 1; i >= 0; i-- {
		ended = t.over(t.callers[i]) || ended
	}
	if ended { // sends that hang must not keep those who gave up
		t.waiting = slices.DeleteFunc(t.waiting, func(c *caller) bool { return c.at < 0 })
	}
	switch t.timed = len(t.callers) > 0; {
	case !t.timed:
	case t.timer == nil:
		t.timer = time.AfterFunc(lookEvery, func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.look()
		})
	default:
		t.timer.Reset(lookEvery)
	}
}

// over reports whether a caller has its results, which it is given if its time is up.
// t.mu is held.
func (t *together) over(c *caller) bool {
	if c.at >= 0 {
		if err := c.ctx.Err(); err != nil {
			t.end(c, slices.Repeat([]rueidis.RedisResult{rueidis.NewErrorResult(err)}, len(c.commands)))
		}
	}
	return c.at < 0
}

// end gives a caller its results, unless it has some. t.mu is held.
func (t *together) end(c *caller, results []rueidis.RedisResult) {
	if c.at < 0 {
		return
	}
	last := len(t.callers) - 1
	t.callers[last].at = c.at
	t.callers[c.at], t.callers[last] = t.callers[last], nil
	t.callers = t.callers[:last]
	c.at, c.ctx, c.results = -1, nil, results
	close(c.done)
}

// leave ends a send, and begins one for those who wait.
func (t *together) leave() {
	if list := t.next(); len(list) > 0 {
		go t.serve(list)
	}
}

// serve sends for those who wait until nobody does. It is bounded by the client's time
// limits: callers have their own.
func (t *together) serve(list []*caller) {
	for len(list) > 0 {
		commands := make([]rueidis.Completed, 0, 2*len(list))
		for _, c := range list {
			commands = append(commands, c.commands...)
		}
		results := t.client.DoMulti(context.Background(), commands...)
		t.mu.Lock()
		for _, c := range list {
			n := len(c.commands)
			t.end(c, results[:n:n])
			results = results[n:]
		}
		t.mu.Unlock()
		list = t.next()
	}
}

// next returns those whose turn it is when a send has ended: nobody ends the turn.
func (t *together) next() []*caller {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*caller
	n := 0
	for n < len(t.waiting) && len(list) < maxTogether {
		if c := t.waiting[n]; !t.over(c) {
			list = append(list, c)
		}
		n++
	}
	rest := copy(t.waiting, t.waiting[n:])
	clear(t.waiting[rest:])
	t.waiting = t.waiting[:rest]
	if len(list) == 0 {
		t.sends--
	}
	return list
}
