package redisstore

import (
	"context"
	"runtime"
	"slices"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/batch"
)

const (
	// Sends of one kind that are under way before others wait for them: twice as many as there
	// are processors, in these bounds.
	leastSends = 4
	mostSends  = 16

	batchSize = 32       // calls whose commands are sent at once
	maxShared = 16 << 10 // bytes of a command that is sent with others'
)

// batches sends the commands of several calls at once, when so many come that they would wait for
// each other anyway. The client collects commands too, but by the clock: a delay that helps a busy
// process would slow down an idle one.
type batches = batch.Queue[[]rueidis.Completed, []rueidis.RedisResult]

func newBatches(client rueidis.Client, opts *Options) *batches {
	sends := min(max(leastSends, 2*runtime.GOMAXPROCS(0)), mostSends)
	return batch.New(batch.Config[[]rueidis.Completed, []rueidis.RedisResult]{
		Busy: sends,
		Idle: sends,
		Many: func(ctx context.Context, list [][]rueidis.Completed) [][]rueidis.RedisResult {
			if opts.TraceBatch == nil {
				return sendAll(context.Background(), client, list)
			}
			return sendAll(context.WithoutCancel(ctx), client, list)
		},
		One: func(ctx context.Context, commands []rueidis.Completed) []rueidis.RedisResult {
			return client.DoMulti(ctx, commands...)
		},
		Size:  batchSize,
		Trace: opts.TraceBatch,
	})
}

// send sends the commands of a call, one or two on one key, alone or with others'. If ctx ends
// first, each result is its error, and the commands may have been sent or not.
func send(ctx context.Context, q *batches, commands ...rueidis.Completed) []rueidis.RedisResult {
	results, err := q.Do(ctx, commands)
	if err != nil {
		return slices.Repeat([]rueidis.RedisResult{rueidis.NewErrorResult(err)}, len(commands))
	}
	return results
}

// sendAll sends the commands of several calls. The client's own time limits bound it: callers
// whose contexts end do not wait for it, and ctx does not end.
func sendAll(
	ctx context.Context, client rueidis.Client, list [][]rueidis.Completed,
) [][]rueidis.RedisResult {
	commands := make([]rueidis.Completed, 0, 2*len(list))
	for _, c := range list {
		commands = append(commands, c...)
	}
	all := client.DoMulti(ctx, commands...)
	results := make([][]rueidis.RedisResult, len(list))
	for i, c := range list {
		n := len(c)
		results[i], all = all[:n:n], all[n:]
	}
	return results
}
