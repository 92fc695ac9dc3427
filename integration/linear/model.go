// Package linear checks that sessions are linearizable: that every history that clients
// saw, through the middleware, from several managers or processes on one store, is one
// that a single session doing one thing at a time could have given them.
//
// What must hold of one session, whichever ticket it was reached by:
//
//   - Its values are a register with read-modify-write: an operation that was
//     acknowledged took effect once, at one moment between its request and its answer,
//     and all at once, also over several values.
//   - An operation of unknown outcome may have taken effect once, at any moment since, or
//     not.
//   - A ticket that a sign-in replaced reads as no session from the moment of the sign-in
//     on. Another sign-in of the same owner with it may join the session, which goes on
//     under the ticket of the later one. Where the store cannot move a record in one
//     step, the new ticket may come to life later, but before the sign-in is
//     acknowledged; until then an owner's first sign-in of a session may escape a
//     revocation.
//   - After a sign-out, a revocation or an expiry no ticket reads or writes anything:
//     deletion wins.
//   - A store may lose only what it is known to lose: all sessions when it starts without
//     its data.
package linear

import (
	"fmt"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

type kind string

// The operations. Except for put and update, the answer says whether the change was
// stored.
const (
	get kind = "get" // reads all values in one load
	set kind = "set" // a, saved in the handler
	// a, committed by the middleware: if the session ended meanwhile, it is dropped in
	// silence
	put    kind = "put"
	remove kind = "delete" // a
	incr   kind = "incr"   // UpdateNow on n, by one
	update kind = "update" // Update on n, by one, committed by the middleware as put is
	extend kind = "append" // UpdateNow on log
	shift  kind = "shift"  // Transact: one from n to m
	login  kind = "login"  // a new ticket, in one step
	// the first step of a login if the store has no atomic move: the old ticket dies
	leave  kind = "leave"
	enter  kind = "enter" // its second: the new one lives, and the owner has the session
	logout kind = "logout"
	revoke kind = "revoke" // all sessions of the owner, from outside
	expire kind = "expire" // the session was not used for longer than the idle timeout
	wipe   kind = "wipe"   // the store lost all that it had
	rewind kind = "rewind" // the store lost what it acknowledged last: see losing
	create kind = "create" // not in a history: a history begins when it was acknowledged
)

// A ghost is a change whose client was told that the session had ended, although an
// earlier attempt, whose answer was lost, may have been stored. Others may see it until
// the session ends. It must end with the session, and not go on under a new ticket.

// values are what a session holds.
type values struct {
	A   string `json:"a"`
	N   int    `json:"n"`
	M   int    `json:"m"`
	Log string `json:"log"`
}

// input is an operation. Tickets are numbered: zero is the first, others have the number
// of the login that made them.
type input struct {
	kind   kind
	ticket int
	arg    string
	makes  int // the number of the ticket that a login makes
	ghost  bool
	torn   bool  // all data was being lost meanwhile, seals perhaps before sessions
	until  int64 // the end of a loss of all data
}

// steps returns an operation as it stands in a history. A login is two where the store
// has no atomic moves. With faults, a change that was dropped may be a ghost too, which
// is an operation of unknown outcome.
func (p plan) steps(op porcupine.Operation) []porcupine.Operation {
	in, out := op.Input.(input), op.Output.(output)
	first, second := op, op
	switch {
	case in.kind == login && !p.atomicMoves && !out.gone:
		in.kind = leave
		first.Input = in
		if out.unknown { // no client has the new ticket
			return []porcupine.Operation{first}
		}
		in.kind = enter
		second.Input = in
	case out.dropped && p.faults && in.kind != get && in.kind != login:
		in.ghost = true
		second.Input, second.Output, second.Return = in, output{unknown: true}, math.MaxInt64
	default:
		return []porcupine.Operation{op}
	}
	return []porcupine.Operation{first, second}
}

// output is what a client learnt.
type output struct {
	unknown bool // an error, or nothing at all
	gone    bool // there was no session, or it ended before the commit
	dropped bool // the latter
	values  values
}

// session is the state of the model.
type session struct {
	values
	ticket int
	owned  bool
	ended  bool
	ghost  bool
	// the ticket of the sign-in that was half-way when all data and the seals of earlier
	// tickets were lost
	cut int
}

// model is the specification. An operation of unknown outcome has no end, so that the
// checker may place it after all others, which is as good as never.
var model = porcupine.Model{
	Init: func() any { return session{} },
	Step: func(state, in, out any) (bool, any) {
		return step(state.(session), in.(input), out.(output))
	},
	DescribeOperation: func(in, out any) string {
		return describe(in.(input), out.(output))
	},
	DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
}

// wiping is the model of a loss that takes its time: a sign-out by a former ticket may
// have read the seal before it was lost, and an operation that [tear] marked may have
// looked for a seal that went before its session.
var wiping = func() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{session{}} },
		Step: func(state, in, out any) []any {
			s, op := state.(session), in.(input)
			ok, next := step(s, op, out.(output))
			switch {
			case !ok:
				return nil
			case op.kind == logout && !next.ended:
				ended := next
				ended.ended = true
				return []any{next, ended}
			case op.torn && op.kind == logout && op.ticket != s.ticket,
				op.torn && op.kind == revoke && s.ticket < 0:
				return []any{next, s}
			}
			return []any{next}
		},
		DescribeOperation: model.DescribeOperation,
		DescribeState:     model.DescribeState,
	}
	return m.ToModel()
}()

// tear returns the operations with those marked that went on while all data was being lost.
func tear(ops []porcupine.Operation) []porcupine.Operation {
	torn := slices.Clone(ops)
	for i, op := range torn {
		in := op.Input.(input)
		in.torn = slices.ContainsFunc(ops, func(w porcupine.Operation) bool {
			loss := w.Input.(input)
			return loss.kind == wipe && op.Call <= loss.until && w.Call <= op.Return
		})
		torn[i].Input = in
	}
	return torn
}

func step(s session, in input, out output) (bool, session) {
	switch in.kind {
	case revoke: // finds sessions that were signed in, also half-way, if their seal is there
		s.ended = s.ended || s.owned && (s.ticket >= 0 || s.ticket != -s.cut)
		return true, s
	case logout: // ends the session by a former ticket too, whose seal leads to it
		s.ended = s.ended || in.ticket >= s.cut
		return true, s
	case expire:
		s.ended = true
		return true, s
	case wipe: // a sign-in between its two steps has only seals to lose
		if s.ticket >= 0 {
			s.ended = true
		} else {
			s.cut = -s.ticket
		}
		return true, s
	}
	if in.kind == enter {
		if s.ended || s.ticket != -in.makes {
			return false, s
		}
		s.ticket, s.owned = in.makes, true
		return out.values == s.values, s
	}
	if alive := !s.ended && (in.ticket == s.ticket || s.joinedBy(in, out)); !alive {
		silent := in.kind == put || in.kind == update
		return out.gone || out.unknown || silent, s
	}
	switch {
	case in.ghost:
		s.ghost = true
	case out.gone, s.ghost && (in.kind == login || in.kind == leave) && !out.unknown:
		return false, s
	}
	return s.act(in, out)
}

// joinedBy reports whether a sign-in with a former ticket joined the session. If it came
// too late or found no seal, its client was told that there is no session.
func (s session) joinedBy(in input, out output) bool {
	return (in.kind == login || in.kind == leave) && s.owned && s.ticket >= 0 && !out.gone
}

// act performs an operation on a session that lives.
func (s session) act(in input, out output) (bool, session) {
	agrees := true
	switch in.kind {
	case get:
		agrees = out.values == s.values
	case set, put:
		s.A = in.arg
	case remove:
		s.A = ""
	case incr:
		s.N++
		agrees = out.values.N == s.N
	case update:
		s.N++
	case extend:
		s.Log += in.arg
		agrees = out.values.Log == s.Log
	case shift:
		s.N--
		s.M++
		agrees = out.values.N == s.N && out.values.M == s.M
	case leave:
		s.ticket = -in.makes // which no client has
	case login:
		// one that failed half-way may have killed the old ticket without handing out
		// the new one
		s.ticket, s.owned = in.makes, true
		agrees = out.values == s.values
	default:
		panic("linear: no such operation: " + in.kind)
	}
	return agrees || out.unknown, s
}

func describe(in input, out output) string {
	text := fmt.Sprintf("%s(%s) by ticket %d", in.kind, in.arg, in.ticket)
	switch {
	case in.ghost:
		return text + ": perhaps, until the session ended"
	case out.unknown:
		return text + ": unknown"
	case out.gone:
		return text + ": no session"
	case in.kind == login || in.kind == enter:
		return fmt.Sprintf("%s: ticket %d, %+v", text, in.makes, out.values)
	}
	return fmt.Sprintf("%s: %+v", text, out.values)
}
