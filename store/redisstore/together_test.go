package redisstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"
)

// sender is a client that answers each command with an error that repeats it, a second
// after it was sent.
type sender struct {
	rueidis.Client

	mu    sync.Mutex
	sends [][]string
}

func (c *sender) DoMulti(_ context.Context, multi ...rueidis.Completed) (results []rueidis.RedisResult) {
	var texts []string
	for _, cmd := range multi {
		text := strings.Join(cmd.Commands(), " ")
		texts = append(texts, text)
		results = append(results, rueidis.NewErrorResult(errors.New(text)))
	}
	c.mu.Lock()
	c.sends = append(c.sends, texts)
	c.mu.Unlock()
	time.Sleep(time.Second)
	return results
}

func command(words ...string) rueidis.Completed {
	return rueidis.Builder{}.Arbitrary(words...).Build()
}

// TestTogether: a few send at once and alone, the others together when one of those has
// its answer; each gets what it asked for, and who gave up before its turn sends
// nothing.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &sender{}
		to := newTogether(client)
		const callers = 100
		begun := time.Now()
		var wg sync.WaitGroup
		call := func(i int) {
			ctx := t.Context()
			if i == 50 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second/2)
				defer cancel()
			}
			a, b := "GET "+strconv.Itoa(i), "TTL "+strconv.Itoa(i)
			commands := []rueidis.Completed{command("GET", strconv.Itoa(i)), command("TTL", strconv.Itoa(i))}
			if i%2 == 1 {
				commands = commands[:1]
			}
			results := to.do(ctx, commands...)
			switch {
			case i == 50:
				if len(results) != len(commands) || !errors.Is(results[0].Error(), context.DeadlineExceeded) || time.Since(begun) > time.Second/2+lookEvery {
					t.Errorf("who gave up got %d results, %v after %v", len(results), results[0].Error(), time.Since(begun))
				}
			case len(results) != len(commands):
				t.Errorf("caller %d: %d results", i, len(results))
			case results[0].Error().Error() != a || i%2 == 0 && results[1].Error().Error() != b:
				t.Errorf("caller %d got another one's answers", i)
			}
		}
		for i := range callers {
			wg.Go(func() { call(i) })
			synctest.Wait()
		}
		wg.Wait()
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("all of it took %v, want two turns of a second", took)
		}
		if want := to.most + (callers-to.most-1+maxTogether-1)/maxTogether; len(client.sends) != want {
			t.Errorf("%d sends, want %d", len(client.sends), want)
		}
		for i, texts := range client.sends {
			if i < to.most && len(texts) > 2 || i >= to.most && len(texts) > 2*maxTogether {
				t.Errorf("send %d has %d commands", i, len(texts))
			}
			if slices.Contains(texts, "GET 50") {
				t.Error("who gave up sent something")
			}
		}
		synctest.Wait()
		if to.sends != 0 || len(to.waiting) != 0 || len(to.callers) != 0 {
			t.Errorf("%d sends are counted, and %d callers of %d wait, after the end", to.sends, len(to.waiting), len(to.callers))
		}
		time.Sleep(lookEvery)
		synctest.Wait()
		if to.timed {
			t.Error("callers are looked for when there are none")
		}
	})
}

// hanging is a client that does not answer.
type hanging struct {
	rueidis.Client
	end chan struct{}
}

func (c hanging) DoMulti(context.Context, ...rueidis.Completed) []rueidis.RedisResult {
	<-c.end
	return []rueidis.RedisResult{{}}
}

// TestTogetherHangs: while sends hang, who gave up is not kept.
func TestTogetherHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		to := newTogether(hanging{end: end})
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 100 {
			wg.Go(func() { to.do(ctx, command("GET", "k")) })
		}
		time.Sleep(time.Second + lookEvery)
		synctest.Wait()
		to.mu.Lock()
		if len(to.waiting) != 0 || len(to.callers) != 0 {
			t.Errorf("%d and %d callers are kept", len(to.waiting), len(to.callers))
		}
		to.mu.Unlock()
		close(end)
		wg.Wait()
	})
}
