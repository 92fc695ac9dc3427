package sqlstore

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

const (
	// maxAsking is how many statements that load are under way before those who come wait for each other. Few are enough to keep
	// a server busy, and the fewer there are the more records each brings.
	maxAsking = 4
	// maxTogether is how many records one statement loads at most.
	maxTogether = 64
	// patience is how long somebody waits while the statements under way do not end, as when the network lost one, before
	// one more is sent.
	patience = 20 * time.Millisecond
)

// loads asks for several records with one statement, when so many are wanted at once that statements would wait for each
// other anyhow: most of what loading a record costs is the statement's way there and back. Whoever comes while few are under way
// asks at once and alone. Nobody gets a record that was read before it was asked for.
type loads struct {
	store *Store

	mu      sync.Mutex
	asking  int // statements under way
	waiting []*wanted
	stuck   *time.Timer // when patience ends; nil until somebody had to wait
}

// wanted is a record that somebody waits for.
type wanted struct {
	id    string
	done  chan struct{}
	asked *asked // what loads it, from when it is under way
	gone  bool   // nobody waits any more

	record cloakroom.Record
	err    error
}

// asked is a statement under way for several.
type asked struct {
	cancel context.CancelFunc
	left   int // who still wait
}

// load returns the record stored under id.
func (l *loads) load(ctx context.Context, q *queries, id string) (cloakroom.Record, error) {
	if q.loadMany == nil || !q.fitsID(l.store, id) {
		return l.store.load(ctx, q, id)
	}
	w := l.enter(id)
	if w == nil {
		defer l.leave()
		return l.store.load(ctx, q, id)
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		l.abandon(w)
		return cloakroom.Record{}, ctx.Err()
	}
	if w.err != nil && !isSentinel(w.err) {
		return l.store.load(ctx, q, id) // it may fail for others' sake, and reading again changes nothing
	}
	return w.record, w.err
}

// enter returns what to wait for, or nil to whoever is to ask alone and then to leave.
func (l *loads) enter(id string) *wanted {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asking < maxAsking {
		l.asking++
		return nil
	}
	w := &wanted{id: id, done: make(chan struct{})}
	l.waiting = append(l.waiting, w)
	if len(l.waiting) == 1 {
		if l.stuck == nil {
			l.stuck = time.AfterFunc(patience, l.oneMore)
		} else {
			l.stuck.Reset(patience)
		}
	}
	return w
}

// leave ends a statement, and begins one for those who wait.
func (l *loads) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 && l.asking <= maxAsking {
		go l.serve()
		return
	}
	l.asking--
}

// oneMore begins a statement above the usual number for those who have waited for long.
func (l *loads) oneMore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		l.asking++
		go l.serve()
	}
}

// serve asks for those who wait until nobody does.
func (l *loads) serve() {
	for {
		list, ctx := l.take()
		if len(list) == 0 {
			return
		}
		l.ask(ctx, list)
		l.mu.Lock()
		list[0].asked.cancel()
		more := l.asking <= maxAsking
		if !more {
			l.asking--
		}
		l.mu.Unlock()
		if !more {
			return
		}
	}
}

// take returns those who wait, and a context that ends when none of them does any more. Where there are none, the statement has
// ended.
func (l *loads) take() ([]*wanted, context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*wanted
	n := 0
	for n < len(l.waiting) && len(list) < maxTogether {
		if w := l.waiting[n]; !w.gone {
			list = append(list, w)
		}
		n++
	}
	rest := copy(l.waiting, l.waiting[n:])
	clear(l.waiting[rest:])
	l.waiting = l.waiting[:rest]
	if len(list) == 0 {
		l.asking--
		return nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &asked{cancel, len(list)}
	for _, w := range list {
		w.asked = a
	}
	if rest > 0 {
		l.stuck.Reset(patience)
	}
	return list, ctx
}

// abandon notes that nobody waits for a record any more.
func (l *loads) abandon(w *wanted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.gone = true
	if w.asked == nil {
		return
	}
	if w.asked.left--; w.asked.left == 0 {
		w.asked.cancel()
	}
}

// ask loads the records of a list and tells who wait for them.
func (l *loads) ask(ctx context.Context, list []*wanted) {
	s := l.store
	a := &args{now: s.opts.Now(), ids: make([]string, len(list))}
	found := make(map[string]cloakroom.Record, len(list))
	for i, w := range list {
		a.ids[i] = s.opts.Prefix + w.id
	}
	q, err := s.queries(ctx, false)
	if err == nil {
		err = s.query(ctx, q.loadMany, a, func(scan func(...any) error) error {
			var r cloakroom.Record
			var id string
			var expires instant
			err := scan(&id, &r.Data, &expires)
			if err == nil && expires.valid {
				r.Expires, r.Version = expires.time, version(r.Data)
				found[id] = r
			}
			return err
		})
	}
	for i, w := range list {
		w.record, w.err = found[a.ids[i]], err
		if err == nil && w.record.Version == "" {
			w.err = cloakroom.ErrNotFound
		}
		close(w.done)
	}
}

// arrayOf writes texts as PostgreSQL reads an array of them.
func arrayOf(list []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, text := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for i := range len(text) {
			if text[i] == '"' || text[i] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}
