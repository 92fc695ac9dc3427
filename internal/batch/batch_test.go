package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorder performs calls that answer their question times ten after a second, and notes them.
type recorder struct {
	mu      sync.Mutex
	alone   []int
	batches [][]int
}

func (r *recorder) one(_ context.Context, question int) int {
	r.mu.Lock()
	r.alone = append(r.alone, question)
	r.mu.Unlock()
	time.Sleep(time.Second)
	return 10 * question
}

func (r *recorder) many(_ context.Context, questions []int) []int {
	r.mu.Lock()
	r.batches = append(r.batches, slices.Clone(questions))
	r.mu.Unlock()
	time.Sleep(time.Second)
	answers := make([]int, len(questions))
	for i, n := range questions {
		answers[i] = 10 * n
	}
	return answers
}

// TestDo: as many calls as may be busy run alone and at once; the others share batches of limited
// size once those have ended. Each gets its own answer.
func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, busy, size = 100, 4, 32
		r := &recorder{}
		q := New(Config[int, int]{Busy: busy, Idle: busy, Many: r.many, One: r.one, Size: size})
		begun := time.Now()
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				if answer, err := q.Do(t.Context(), i); answer != 10*i || err != nil {
					t.Errorf("call %d: %d, %v", i, answer, err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("all of it took %v, want two turns of a second", took)
		}
		if len(r.alone) != busy || len(r.batches) != 3 {
			t.Errorf("%d ran alone and %d batches, want %d and 3", len(r.alone), len(r.batches), busy)
		}
		for _, b := range r.batches {
			if len(b) > size {
				t.Errorf("a batch of %d, at most %d may be", len(b), size)
			}
		}
		checkAtRest(t, q)
	})
}

// checkAtRest checks that nothing of the calls is left.
func checkAtRest[A any](t *testing.T, q *Queue[int, A]) {
	t.Helper()
	time.Sleep(Interval)
	synctest.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.runs != 0 || len(q.waiting) != 0 || len(q.batches) != 0 || q.watching {
		t.Errorf("at the end: %d runs, %d waiting, %d batches, watching %v",
			q.runs, len(q.waiting), len(q.batches), q.watching)
	}
}

// occupy fills a queue with runs that end when the function that it returns is called.
func occupy(t *testing.T, c Config[int, error]) (*Queue[int, error], func()) {
	t.Helper()
	end := make(chan struct{})
	one := c.One
	c.One = func(ctx context.Context, n int) error {
		if n < 0 {
			<-end
			return nil
		}
		return one(ctx, n)
	}
	q := New(c)
	for range c.Idle {
		go func() { _, _ = q.Do(context.Background(), -1) }()
	}
	synctest.Wait()
	return q, func() { close(end) }
}

var errAlone = errors.New("it ran alone")

func refuseOne(context.Context, int) error { return errAlone }

// While none waits, more calls run alone than while some do.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		q := New(Config[int, int]{Busy: 1, Idle: 3, Many: r.many, One: r.one, Size: 10})
		for i := range 6 {
			go func() { _, _ = q.Do(t.Context(), i) }()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.alone) != 3 || len(r.batches) != 1 || !slices.Equal(r.batches[0], []int{3, 4, 5}) {
			t.Errorf("%v ran alone, and %v in batches; want three and the others in one", r.alone, r.batches)
		}
		time.Sleep(time.Second)
		checkAtRest(t, q)
	})
}

// A caller that gives up while it waits runs nothing, and does not keep the others.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches [][]int
		q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 2, One: refuseOne, Size: 10,
			Many: func(_ context.Context, list []int) []error {
				batches = append(batches, list)
				return make([]error, len(list))
			}})
		results := make([]error, 3)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range results {
			go func() {
				ctx := ctx
				if i != 1 {
					ctx = t.Context()
				}
				answer, err := q.Do(ctx, i)
				results[i] = errors.Join(answer, err)
			}()
			synctest.Wait()
		}
		cancel()
		time.Sleep(Interval)
		synctest.Wait()
		if !errors.Is(results[1], context.Canceled) {
			t.Errorf("the caller that gave up waits: %v", results[1])
		}
		end()
		synctest.Wait()
		if len(batches) != 1 || !slices.Equal(batches[0], []int{0, 2}) || results[0] != nil || results[2] != nil {
			t.Errorf("batches %v, results %v", batches, results)
		}
		checkAtRest(t, q)
	})
}

// A caller that has given up when its turn comes, and was not noticed yet, runs nothing either.
func TestGiveUpAtTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 2, One: refuseOne, Size: 10})
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			go func() {
				if answer, err := q.Do(ctx, 1); answer != nil || !errors.Is(err, context.Canceled) {
					t.Errorf("%v, %v", answer, err)
				}
			}()
		}
		synctest.Wait()
		cancel()
		end()
		synctest.Wait()
		checkAtRest(t, q)
	})
}

// While runs hang, callers that gave up are not kept in memory.
func TestHangingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, end := occupy(t, Config[int, error]{Busy: 4, Idle: 4, One: refuseOne, Size: 10})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 100 {
			go func() { _, _ = q.Do(ctx, 1) }()
		}
		time.Sleep(time.Second + Interval)
		synctest.Wait()
		q.mu.Lock()
		if len(q.waiting) != 0 {
			t.Errorf("%d callers are kept", len(q.waiting))
		}
		q.mu.Unlock()
		end()
		synctest.Wait()
		checkAtRest(t, q)
	})
}

// A call that waits as the only one runs alone, in its caller's goroutine.
func TestSingle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 2, One: refuseOne, Size: 10,
			Many: func(_ context.Context, list []int) []error {
				t.Errorf("a batch of %d", len(list))
				return make([]error, len(list))
			}})
		var result error
		go func() { result, _ = q.Do(t.Context(), 1) }()
		synctest.Wait()
		end()
		synctest.Wait()
		if !errors.Is(result, errAlone) {
			t.Errorf("got %v", result)
		}
		checkAtRest(t, q)
	})
}

// The place of a run is not lost when it is given to a caller that gives up at the same moment.
func TestPlaceIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 2, One: refuseOne, Size: 10})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _, _ = q.Do(ctx, 1) }()
			synctest.Wait()
			go cancel()
			go end()
			synctest.Wait()
			checkAtRest(t, q)
		}
	})
}

// While runs do not end, one more begins each time that patience ends.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, patience = 8, 2 * Interval
		var ran atomic.Int32
		q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 2, One: refuseOne, Patience: patience, Size: size,
			Many: func(_ context.Context, list []int) []error {
				ran.Add(int32(len(list)))
				return make([]error, len(list))
			}})
		for range 2 * size {
			go func() {
				if answer, err := q.Do(t.Context(), 1); answer != nil || err != nil {
					t.Errorf("%v, %v", answer, err)
				}
			}()
		}
		for _, want := range []int32{0, size, 2 * size} {
			synctest.Wait()
			if n := ran.Load(); n != want {
				t.Errorf("%d ran, want %d", n, want)
			}
			time.Sleep(patience + Interval)
		}
		end()
		synctest.Wait()
		checkAtRest(t, q)
	})
}

// A batch is cancelled when all its callers have given up, and not before.
func TestBatchIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := false
		var ended error
		q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 2, One: refuseOne, Size: 10,
			Many: func(ctx context.Context, list []int) []error {
				begun = true
				<-ctx.Done()
				ended = ctx.Err()
				return make([]error, len(list))
			}})
		var giveUp []context.CancelFunc
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			giveUp = append(giveUp, cancel)
			go func() {
				if _, err := q.Do(ctx, 1); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		end()
		synctest.Wait()
		giveUp[0]()
		time.Sleep(Interval)
		synctest.Wait()
		if !begun || ended != nil {
			t.Errorf("begun %v, ended by %v while one caller waits", begun, ended)
		}
		giveUp[1]()
		time.Sleep(Interval)
		synctest.Wait()
		if ended == nil {
			t.Error("it goes on though no caller waits")
		}
		checkAtRest(t, q)
	})
}

type callerKey struct{}

// Trace is called around each batch and no single call, with the contexts of its callers in the
// order of the questions. What it returns is the context of Many.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []string
		note := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
		q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 1, One: refuseOne, Size: 10,
			Many: func(ctx context.Context, list []int) []error {
				note("many %v in %v", list, ctx.Value(callerKey{}))
				return make([]error, len(list))
			},
			Trace: func(ctx context.Context, callers []context.Context) (context.Context, func()) {
				var of []any
				for _, c := range callers {
					of = append(of, c.Value(callerKey{}))
				}
				note("begin %v", of)
				return context.WithValue(ctx, callerKey{}, "trace"), func() { note("end") }
			}})
		for i := range 3 {
			go func() {
				ctx := context.WithValue(t.Context(), callerKey{}, 10*i)
				if answer, err := q.Do(ctx, i); answer != nil || err != nil {
					t.Error(answer, err)
				}
			}()
			synctest.Wait()
		}
		end()
		synctest.Wait()
		want := []string{"begin [0 10 20]", "many [0 1 2] in trace", "end"}
		if !slices.Equal(steps, want) {
			t.Errorf("%q, want %q", steps, want)
		}
		if _, err := q.Do(t.Context(), 1); err != nil || len(steps) != len(want) {
			t.Errorf("a single call: %v, %q", err, steps)
		}
		checkAtRest(t, q)
	})
}

// No caller returns while Trace has its context, which may be used again after that.
func TestTraceHoldsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside atomic.Bool
		var returned atomic.Int32
		q, end := occupy(t, Config[int, error]{Busy: 1, Idle: 1, One: refuseOne, Size: 10,
			Many: func(ctx context.Context, list []int) []error {
				<-ctx.Done()
				return make([]error, len(list))
			},
			Trace: func(ctx context.Context, _ []context.Context) (context.Context, func()) {
				inside.Store(true)
				time.Sleep(time.Second)
				inside.Store(false)
				return ctx, func() {}
			}})
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			go func() {
				_, err := q.Do(ctx, 1)
				if !errors.Is(err, context.Canceled) || inside.Load() {
					t.Errorf("%v, while Trace has its context: %v", err, inside.Load())
				}
				returned.Add(1)
			}()
		}
		synctest.Wait()
		end()
		synctest.Wait()
		cancel()
		time.Sleep(time.Second + 2*Interval)
		synctest.Wait()
		if n := returned.Load(); n != 2 {
			t.Errorf("%d callers returned, want 2", n)
		}
		checkAtRest(t, q)
	})
}
