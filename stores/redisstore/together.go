package redisstore

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/redis/rueidis"
)

const (
	// How many sends of one kind are under way before those who come wait for each other: twice the processors, in these
	// bounds.
	leastSends = 4
	mostSends  = 16
	// maxTogether is how many callers' commands are sent at once at most.
	maxTogether = 32
	// maxShared is the largest command that is sent with others', in bytes.
	maxShared = 16 << 10
)

// together sends the commands of several callers at once when so many come that they would wait for each other anyhow:
// most of what a command costs is a write, a read, and waking somebody up. Whoever comes while few are under
// way sends at once. The client collects commands too, but by the clock, so a delay that helps a busy process would
// slow down an idle one.
type together struct {
	client rueidis.Client
	most   int

	mu      sync.Mutex
	sends   int // under way
	waiting []*caller
}

// caller is who has commands to send, one or two, on one key.
type caller struct {
	commands []rueidis.Completed
	results  []rueidis.RedisResult
	done     chan struct{}
	gone     bool // nobody waits any more
}

func newTogether(client rueidis.Client) *together {
	return &together{client: client, most: min(max(leastSends, 2*runtime.GOMAXPROCS(0)), mostSends)}
}

// do sends commands, and returns their results: after the end of ctx its error for each, and they may be sent or not.
func (t *together) do(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	t.mu.Lock()
	if t.sends < t.most {
		t.sends++
		t.mu.Unlock()
		defer t.leave()
		return t.client.DoMulti(ctx, commands...)
	}
	c := &caller{commands: commands, done: make(chan struct{})}
	t.waiting = append(t.waiting, c)
	t.mu.Unlock()
	select {
	case <-c.done:
		return c.results
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		c.gone = true
		return slices.Repeat([]rueidis.RedisResult{rueidis.NewErrorResult(ctx.Err())}, len(commands))
	}
}

// leave ends a send, and begins one for those who wait.
func (t *together) leave() {
	if list := t.next(); len(list) > 0 {
		go t.serve(list)
	}
}

// serve sends for those who wait until nobody does. It is bounded by the client's time limits: callers have their own.
func (t *together) serve(list []*caller) {
	for len(list) > 0 {
		commands := make([]rueidis.Completed, 0, 2*len(list))
		for _, c := range list {
			commands = append(commands, c.commands...)
		}
		results := t.client.DoMulti(context.Background(), commands...)
		for _, c := range list {
			n := len(c.commands)
			c.results, results = results[:n:n], results[n:]
			close(c.done)
		}
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
		if c := t.waiting[n]; !c.gone {
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
