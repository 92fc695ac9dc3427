package sqlstore

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	// How many statements of one kind are under way while others wait: as many as there
	// are processors, in these bounds. Few are enough to keep a server busy, and the
	// fewer there are the more each does. Twice as many may be while nobody waits.
	leastRunning = 2
	mostRunning  = 8
	// maxTogether is how many records one statement is about at most.
	maxTogether = 64
	// patience is how long somebody waits while the statements under way do not end, as
	// when one waits for a lock or the network lost it, before one more is sent.
	patience = 20 * time.Millisecond
)

// together makes one statement of several when so many are wanted at once that they
// would wait for each other anyhow: most of what a statement about one record costs is
// its way there and back. Whoever comes while few are under way runs at once and alone.
// A statement begins after everybody whom it is for has come, so nobody reads what was
// read before.
type together struct {
	run  func(context.Context, []*member) // and notes what came of it
	most int                              // statements under way while others wait

	mu      sync.Mutex
	running int // statements under way
	waiting []*member
	stuck   *time.Timer // when patience ends; nil until somebody had to wait
}

// member is what one caller wants.
type member struct {
	id       string
	old, new *store.Record // when it replaces
	record   store.Record  // when it has loaded
	err      error
	alone    bool // nothing was done for it: it is to be done alone
	done     chan struct{}
	party    *party // that it is of, from when the statement begins
	gone     bool   // nobody waits any more
	place    bool   // it is to run alone, as one of those under way, and then to leave
}

// party is a statement under way for several.
type party struct {
	cancel context.CancelFunc
	left   int // who still wait
}

func (t *together) init(run func(context.Context, []*member)) {
	t.run, t.most = run, min(max(leastRunning, runtime.GOMAXPROCS(0)), mostRunning)
}

// do waits until a statement has been run for m and others, or calls alone, where
// nothing is gained by that or where it did nothing for m.
func (t *together) do(ctx context.Context, m *member, alone func() error) error {
	if t.enter(m) {
		defer t.leave()
		return alone()
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		t.abandon(m)
		return ctx.Err()
	}
	if m.place {
		defer t.leave()
	}
	if m.alone || m.place {
		return alone()
	}
	return m.err
}

// enter reports whether m is to run alone and then to leave. If not, it waits.
func (t *together) enter(m *member) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running < t.most || len(t.waiting) == 0 && t.running < 2*t.most {
		t.running++
		return true
	}
	m.done = make(chan struct{})
	t.waiting = append(t.waiting, m)
	if len(t.waiting) == 1 {
		if t.stuck == nil {
			t.stuck = time.AfterFunc(patience, t.oneMore)
		} else {
			t.stuck.Reset(patience)
		}
	}
	return false
}

// leave ends a statement, and begins one for those who wait.
func (t *together) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// next is leave while t is locked.
func (t *together) next() {
	if len(t.waiting) > 0 && t.running <= t.most {
		go t.serve()
		return
	}
	t.running--
}

// oneMore begins a statement above the usual number for those who have waited for long.
func (t *together) oneMore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) > 0 {
		t.running++
		go t.serve()
	}
}

// serve runs statements for those who wait until nobody does, or only one, who takes
// the place.
func (t *together) serve() {
	for {
		list, ctx, cancel := t.take()
		if len(list) == 0 {
			return
		}
		if cancel == nil {
			close(list[0].done)
			return
		}
		t.run(ctx, list)
		cancel()
		for _, m := range list {
			close(m.done)
		}
		t.mu.Lock()
		more := t.running <= t.most
		if !more {
			t.running--
		}
		t.mu.Unlock()
		if !more {
			return
		}
	}
}

// take returns those who wait, and a context that ends when none of them does any more.
// One alone gets the place instead; where there is none, the statement has ended.
func (t *together) take() ([]*member, context.Context, context.CancelFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*member
	n := 0
	for n < len(t.waiting) && len(list) < maxTogether {
		if m := t.waiting[n]; !m.gone {
			list = append(list, m)
		}
		n++
	}
	rest := copy(t.waiting, t.waiting[n:])
	clear(t.waiting[rest:])
	t.waiting = t.waiting[:rest]
	if len(list) == 0 {
		t.running--
		return nil, nil, nil
	}
	if rest > 0 {
		t.stuck.Reset(patience)
	}
	if len(list) == 1 {
		list[0].place = true
		return list, nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &party{cancel, len(list)}
	for _, m := range list {
		m.party = p
	}
	return list, ctx, cancel
}

// abandon notes that nobody waits for m any more.
func (t *together) abandon(m *member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m.gone = true
	switch {
	case m.place:
		t.next()
	case m.party != nil:
		if m.party.left--; m.party.left == 0 {
			m.party.cancel()
		}
	}
}
