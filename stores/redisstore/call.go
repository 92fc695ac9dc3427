package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom"
)

// wary is for how long after a connection error calls are watched.
const wary = 5 * time.Second

// call makes a call of the client. A method returns soon after its context ends; the client does so too,
// except while it connects, which it does for all callers at once. So after a connection error calls are
// made in a goroutine each, which outlives its context by the client's dial timeout at most.
func (s *Store) call(ctx context.Context, do func(context.Context) rueidis.RedisResult) rueidis.RedisResult {
	if !s.troubled() {
		res := do(ctx)
		s.note(res.NonRedisError())
		return res
	}
	return s.watch(ctx, do)
}

func (s *Store) watch(ctx context.Context, do func(context.Context) rueidis.RedisResult) rueidis.RedisResult {
	done := make(chan rueidis.RedisResult, 1)
	go func() {
		res := do(ctx)
		s.note(res.NonRedisError())
		done <- res
	}()
	select {
	case res := <-done:
		return res
	case <-ctx.Done():
		return rueidis.NewErrorResult(ctx.Err())
	}
}

func (s *Store) troubled() bool {
	at := s.troubledAt.Load()
	return at != 0 && time.Since(s.start)-time.Duration(at) < wary
}

func (s *Store) note(err error) {
	if err != nil && !rueidis.IsRedisNil(err) && !errors.Is(err, context.Canceled) {
		s.troubledAt.Store(int64(time.Since(s.start)))
	}
}

// write makes a write, and waits for replicas if it is told to. waited says whether they have it, and
// matters only if something was written.
func (s *Store) write(ctx context.Context, build func(rueidis.Builder) rueidis.Completed) (res rueidis.RedisResult, waited error) {
	if s.opts.WaitReplicas == 0 {
		return s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
			return s.client.Do(ctx, build(s.client.B()))
		}), nil
	}
	type outcome struct {
		waited error
	}
	got := make(chan outcome, 1)
	res = s.watch(ctx, func(ctx context.Context) rueidis.RedisResult {
		res, err := s.writeAndWait(ctx, build)
		got <- outcome{err}
		return res
	})
	select {
	case o := <-got:
		return res, o.waited
	default:
		return res, ctx.Err()
	}
}

// writeAndWait does both on a connection of its own: WAIT means the writes of its connection. Such a
// connection follows no redirection of a Cluster, or WAIT would ask a node that wrote nothing.
func (s *Store) writeAndWait(ctx context.Context, build func(rueidis.Builder) rueidis.Completed) (rueidis.RedisResult, error) {
	conn, release := s.client.Dedicate()
	defer release()
	wait := conn.B().Wait().Numreplicas(int64(s.opts.WaitReplicas)).Timeout(s.opts.WaitTimeout.Milliseconds()).Build()
	results := conn.DoMulti(ctx, build(conn.B()), wait)
	if results[0].NonRedisError() != nil || results[1].NonRedisError() != nil {
		conn.Close() // what is still on its way must not meet the next user
	}
	n, err := results[1].AsInt64()
	if err == nil && n < int64(s.opts.WaitReplicas) {
		err = fmt.Errorf("%d of %d replicas have it after %v", n, s.opts.WaitReplicas, s.opts.WaitTimeout)
	}
	return results[0], err
}

// failed describes err at the package's boundary. What Redis refused for want of room or by size is a
// sentinel. Its other refusals, such as READONLY and CLUSTERDOWN, wrote nothing either, and have none.
func failed(op string, err error) error {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return fmt.Errorf("redisstore: %s: %w", op, err)
	}
	text := withoutArguments(e.Error())
	switch {
	case strings.HasPrefix(text, "OOM "):
		return fmt.Errorf("redisstore: %s: %w: %s", op, cloakroom.ErrFull, text)
	case strings.Contains(text, "invalid bulk length"), strings.Contains(text, "string exceeds maximum allowed size"):
		return fmt.Errorf("redisstore: %s: %w: %s", op, cloakroom.ErrTooLarge, text)
	}
	return fmt.Errorf("redisstore: %s: %s", op, text)
}

// withoutArguments cuts off where Redis repeats the arguments of a command that it does not know: they
// may be a record's data or a password.
func withoutArguments(text string) string {
	text, _, _ = strings.Cut(text, ", with args beginning with")
	return text
}
