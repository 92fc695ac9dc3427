package redisstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"
)

// echoClient answers each command with an error that repeats it, a second after it was sent.
type echoClient struct {
	rueidis.Client
	sends chan int // gets the number of commands of each send
	sent  func(context.Context)
}

func (c echoClient) DoMulti(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	c.sends <- len(commands)
	if c.sent != nil {
		c.sent(ctx)
	}
	time.Sleep(time.Second)
	results := make([]rueidis.RedisResult, len(commands))
	for i, cmd := range commands {
		results[i] = rueidis.NewErrorResult(errors.New(strings.Join(cmd.Commands(), " ")))
	}
	return results
}

// Calls of one and of two commands share a send, and each gets the results of its own.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 100
		client := echoClient{sends: make(chan int, calls)}
		q := newBatches(client, &Options{})
		for i := range calls {
			go func() {
				words := []string{"GET " + decimal(int64(i)), "TTL " + decimal(int64(i))}[:1+i%2]
				commands := make([]rueidis.Completed, len(words))
				for i, w := range words {
					commands[i] = rueidis.Builder{}.Arbitrary(strings.Fields(w)...).Build()
				}
				results := send(t.Context(), q, commands...)
				if len(results) != len(words) {
					t.Errorf("call %d: %d results", i, len(results))
					return
				}
				for i, w := range words {
					if results[i].Error().Error() != w {
						t.Errorf("%s got the result of %v", w, results[i].Error())
					}
				}
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if want := q.Busy + (calls-q.Busy+batchSize-1)/batchSize; len(client.sends) != want {
			t.Errorf("%d sends, want %d", len(client.sends), want)
		}
	})
}

// After the end of its context a call that waits returns that error for each command.
func TestSendEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := echoClient{sends: make(chan int, 100)}
		q := newBatches(client, &Options{})
		for range q.Busy {
			go send(t.Context(), q, rueidis.Builder{}.Arbitrary("GET", "a").Build())
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		get := rueidis.Builder{}.Arbitrary("GET", "b").Build()
		results := send(ctx, q, get, get)
		if len(results) != 2 || !errors.Is(results[1].Error(), context.DeadlineExceeded) {
			t.Errorf("got %v", results)
		}
		time.Sleep(time.Second)
	})
}

type traceKey struct{}

// A pipeline of several calls is sent within what Options.TraceBatch returns, which does not end.
func TestTraceBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, ended, within := 0, 0, 0
		client := echoClient{sends: make(chan int, 100), sent: func(ctx context.Context) {
			if ctx.Value(traceKey{}) != nil && ctx.Done() == nil {
				within++
			}
		}}
		trace := func(ctx context.Context, callers []context.Context) (context.Context, func()) {
			begun += len(callers)
			return context.WithValue(ctx, traceKey{}, true), func() { ended++ }
		}
		q := newBatches(client, &Options{TraceBatch: trace})
		for range q.Busy + 3 {
			go send(t.Context(), q, rueidis.Builder{}.Arbitrary("GET", "a").Build())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if begun != 3 || within != 1 || ended != 1 {
			t.Errorf("traced %d calls, in %d pipelines; %d ended", begun, within, ended)
		}
	})
}
