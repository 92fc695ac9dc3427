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

// callAll is call for several commands at once, at least one.
func (s *Store) callAll(ctx context.Context, do func(context.Context) []rueidis.RedisResult) ([]rueidis.RedisResult, error) {
	if !s.troubled() {
		return s.noted(do(ctx)), nil
	}
	return watched(ctx, func(ctx context.Context) []rueidis.RedisResult { return s.noted(do(ctx)) })
}

func (s *Store) noted(all []rueidis.RedisResult) []rueidis.RedisResult {
	for i := range all {
		s.note(all[i].NonRedisError())
	}
	return all
}

func (s *Store) watch(ctx context.Context, do func(context.Context) rueidis.RedisResult) rueidis.RedisResult {
	res, err := watched(ctx, func(ctx context.Context) rueidis.RedisResult {
		res := do(ctx)
		s.note(res.NonRedisError())
		return res
	})
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	return res
}

// watched returns what do returns, or earlier the error of ctx.
func watched[T any](ctx context.Context, do func(context.Context) T) (T, error) {
	done := make(chan T, 1)
	go func() { done <- do(ctx) }()
	select {
	case res := <-done:
		return res, nil
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
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
