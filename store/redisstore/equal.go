package redisstore

import (
	"bytes"
	"context"
	"strings"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// Valkey since 8.1 and Redis since 8.4 compare and swap by one command, SET with IFEQ, at a quarter
// of a script's cost to the server. The first replacement finds out whether the server has it;
// until that is known, a script is used.
const (
	comparesUnknown = iota // the zero value of Store.compares
	comparesAsked
	comparesNo
	comparesYes
)

// mostCompared is the longest record, in bytes, that is sent to be compared: that doubles what goes
// over the network, where a digest is short.
const mostCompared = 4 << 10

// replace compares and swaps, and returns what replaceScript does.
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
		s.compares.Store(comparesNo) // it is another server; nothing was written
	}
	args := []string{digest(old.Data), rueidis.BinaryString(next.Data)}
	if expires != 0 {
		args = append(args, decimal(expires))
	}
	return s.run(ctx, replaceScript, []string{key}, args...)
}

// comparesItself reports whether the server is known to have SET with IFEQ. The first call asks it.
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
	// No key has this name, so there is nothing to compare with, and nothing is stored. A server
	// that ignored the unknown condition would store it for a millisecond.
	res := s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		set := s.client.B().Arbitrary("SET").Keys(s.prefix + "compares\x00")
		return s.client.Do(ctx, set.Args("no", "IFEQ", "yes", "PX", "1").Build())
	})
	switch err := res.Error(); {
	case rueidis.IsRedisNil(err):
		state = comparesYes
	case err == nil, saysNo(err):
		state = comparesNo
	}
	return state == comparesYes
}

// setIfEqual is replace by one command. If that replaced nothing, a second one tells why, also
// after a refusal: the server refuses before it compares.
func (s *Store) setIfEqual(
	ctx context.Context, key string, old, next store.Record, expires int64,
) (int64, error) {
	res, waited := s.write(ctx, key, func(b rueidis.Builder) rueidis.Completed {
		set := b.Arbitrary("SET").Keys(key).
			Args(rueidis.BinaryString(next.Data), "IFEQ", rueidis.BinaryString(old.Data))
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

// saysNo reports whether a server will always answer so. It goes by the code alone, since other
// programs that speak the protocol have other words; what passes, such as being full or being a
// replica, has a code of its own.
func saysNo(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && (strings.HasPrefix(e.Error(), "ERR ") || strings.HasPrefix(e.Error(), "NOPERM "))
}

func isSyntaxError(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && strings.Contains(e.Error(), "syntax error")
}
