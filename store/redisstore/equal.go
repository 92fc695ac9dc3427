package redisstore

import (
	"bytes"
	"context"
	"strings"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// Valkey since 8.1 and Redis since 8.4 compare and swap by a command, SET with IFEQ,
// which takes the server a quarter of what a script does. Whether the server has it is
// found out at the first replacement; a script does until that is known.
const (
	comparesUnknown = iota // the zero value of Store.compares
	comparesAsked
	comparesNo
	comparesYes
)

// mostCompared is how long a record may be, in bytes, that is sent along to be
// compared: it doubles what goes over the network, where a digest is short.
const mostCompared = 4 << 10

// replace compares and swaps, and returns what the scripts do.
func (s *Store) replace(ctx context.Context, key string, old, next store.Record) (int64, error) {
	expires := millis(next.Expires)
	if expires == millis(old.Expires) {
		expires = 0 // it stays
	}
	if len(old.Data) <= mostCompared && s.comparesItself(ctx) {
		n, err := s.setIfEqual(ctx, key, old, next, expires)
		if !isSyntaxError(err) {
			return n, err
		}
		s.compares.Store(comparesNo) // another server by now; nothing was written
	}
	args := []string{digest(old.Data), rueidis.BinaryString(next.Data)}
	if expires != 0 {
		args = append(args, decimal(expires))
	}
	return s.run(ctx, replaceScript, []string{key}, args...)
}

// comparesItself reports whether the server is known to have SET with IFEQ. Whoever
// asks first finds out.
func (s *Store) comparesItself(ctx context.Context) bool {
	switch s.compares.Load() {
	case comparesYes:
		return true
	case comparesUnknown:
		if !s.compares.CompareAndSwap(comparesUnknown, comparesAsked) {
			return false
		}
	default:
		return false
	}
	state := int32(comparesUnknown)
	defer func() { s.compares.Store(state) }() // also when the client panics
	// There is no such key, so there is nothing to compare with, and nothing is stored.
	// A server that did not know the condition and ignored it would store it, for a
	// moment.
	res := s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Arbitrary("SET").Keys(s.prefix+"compares\x00").Args("no", "IFEQ", "yes", "PX", "1").Build())
	})
	switch err := res.Error(); {
	case rueidis.IsRedisNil(err):
		state = comparesYes
	case err == nil, saysNo(err):
		state = comparesNo
	}
	return state == comparesYes
}

// setIfEqual is replace by one command. Only when nothing was replaced, another one
// tells why: the server refuses to write before it looks whether it would have to.
func (s *Store) setIfEqual(
	ctx context.Context, key string, old, next store.Record, expires int64,
) (int64, error) {
	res, waited := s.write(ctx, key, func(b rueidis.Builder) rueidis.Completed {
		set := b.Arbitrary("SET").Keys(key).Args(rueidis.BinaryString(next.Data), "IFEQ", rueidis.BinaryString(old.Data))
		if expires == 0 {
			return set.Args("KEEPTTL").Build()
		}
		return set.Args("PXAT", decimal(expires)).Build()
	})
	refusal := res.Error()
	switch {
	case refusal == nil:
		return scriptDone, waited
	case res.NonRedisError() != nil || isSyntaxError(refusal):
		return 0, refusal
	}
	there, err := s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Get().Key(key).Build())
	}).AsBytes()
	switch {
	case rueidis.IsRedisNil(err):
		return scriptMissing, nil
	case err != nil:
		return 0, err
	case rueidis.IsRedisNil(refusal) || !bytes.Equal(there, old.Data):
		return scriptConflict, nil
	}
	return 0, refusal
}

// saysNo reports whether a server will answer so again. It does not go by the words,
// which are others where another program speaks the protocol: what passes, such as
// being full or a replica, has a code of its own.
func saysNo(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && (strings.HasPrefix(e.Error(), "ERR ") || strings.HasPrefix(e.Error(), "NOPERM "))
}

func isSyntaxError(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && strings.Contains(e.Error(), "syntax error")
}
