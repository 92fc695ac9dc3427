package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// wary is for how long after a connection error calls are watched.
const wary = 5 * time.Second

// call makes a call of the client, and returns soon after the context ends. So does the client,
// except while it connects, which it does for all callers at once. So after a connection error each
// call is made in a goroutine of its own, which outlives the context by at most the client's dial
// timeout.
func (s *Store) call(
	ctx context.Context, do func(context.Context) rueidis.RedisResult,
) rueidis.RedisResult {
	if !s.troubled() {
		res := do(ctx)
		s.note(res.NonRedisError())
		return res
	}
	return s.watch(ctx, do)
}

// callAll is call for one or more commands.
func (s *Store) callAll(
	ctx context.Context, do func(context.Context) []rueidis.RedisResult,
) ([]rueidis.RedisResult, error) {
	if !s.troubled() {
		return s.noted(do(ctx)), nil
	}
	return watched(ctx, func(ctx context.Context) []rueidis.RedisResult {
		return s.noted(do(ctx))
	})
}

func (s *Store) noted(all []rueidis.RedisResult) []rueidis.RedisResult {
	for i := range all {
		s.note(all[i].NonRedisError())
	}
	return all
}

func (s *Store) watch(
	ctx context.Context, do func(context.Context) rueidis.RedisResult,
) rueidis.RedisResult {
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

// watched returns what do returns, or the error of ctx if that ends earlier.
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

// refusals begin the answers that say that nothing was done, and that a repeat would be refused.
var refusals = []string{
	"READONLY ", "MASTERDOWN ", "LOADING ", "NOREPLICAS ", // see otherServer
	"MISCONF ", "CLUSTERDOWN ", "BUSY ",
	"NOAUTH ", "NOPERM ", "WRONGPASS ", "DENIED ", "NOPROTO ",
	"The user executing the script can't run", "ACL failure in script", // NOPERM in a script
	"max number of clients", "unknown command", "syntax error",
	"invalid password", "AUTH ", "DB index",
}

// otherServer reports whether an error says that another server should be asked: this one is a
// replica, or becomes one, or is a primary that its replicas have left.
func otherServer(err error) bool { return answers(err, refusals[:4]) }

// answers reports whether an error is an answer that begins with one of words.
func answers(err error, words []string) bool {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	text := strings.TrimPrefix(e.Error(), "ERR ")
	return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(text, w) })
}

// wrongType reports whether a key holds another type than this store keeps there.
func wrongType(err error) bool { return answers(err, []string{"WRONGTYPE "}) }

// failed adds the operation to an error, and the sentinel of what Redis refused.
func failed(op string, err error) error {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return fmt.Errorf("redisstore: %s: %w", op, err)
	}
	text := withoutArguments(e.Error())
	var sentinel error
	switch {
	case strings.HasPrefix(text, "OOM "):
		sentinel = store.ErrFull
	case strings.Contains(text, "invalid bulk length"),
		strings.Contains(text, "string exceeds maximum allowed size"):
		sentinel = store.ErrTooLarge
	case wrongType(err):
		sentinel = store.ErrUnreadable
	case answers(err, refusals):
		sentinel = store.ErrRefused
	default: // the outcome is unknown: a proxy may have given up
		return fmt.Errorf("redisstore: %s: %s", op, text)
	}
	return fmt.Errorf("redisstore: %s: %w: %s", op, sentinel, text)
}

// failedIndex is failed for an owner's index, which is no record.
func failedIndex(op string, err error) error {
	if wrongType(err) {
		const text = "redisstore: %s: owner index: %w: its key holds another type"
		return fmt.Errorf(text, op, store.ErrRefused)
	}
	return failed(op+": owner index", err)
}

// withoutArguments cuts off the arguments of an unknown command, which Redis repeats: they may be
// a record's data or a password.
func withoutArguments(text string) string {
	text, _, _ = strings.Cut(text, ", with args beginning with")
	return text
}
