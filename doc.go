// Package cloakroom keeps the sessions of web applications on the server, in whichever
// store the team already runs. The browser holds a ticket, one cookie; the server keeps
// the coat.
//
//	sessions, err := cloakroom.New(store, cloakroom.Options{})
//
//	const visits = cloakroom.Key[int]("visits")
//
//	func home(w http.ResponseWriter, r *http.Request) {
//		n, err := visits.UpdateNow(sessions.Get(r), func(n int) int { return n + 1 })
//		...
//	}
//
//	http.ListenAndServe(addr, sessions.Handler(mux))
//
// # What it promises
//
// You pay only for what you touch. A request that never touches its session makes no
// store call and sets no header. A read costs one call, a change one more, a sign-in
// two in all, or three where the store cannot move records. Using a session is noted
// about once per tenth of the idle timeout, at a further call. A commit that loses a
// race against another process costs two more calls for each time.
//
// No lost updates. Two requests of one session that change different values both keep
// their change. [Key.Update], [Key.UpdateNow] and [Session.Transact] are exact
// read-modify-writes under any concurrency, across goroutines, processes and machines.
// Of two plain sets of one value, the later commit stands.
//
// Deletion wins. Once a sign-out, a revocation or an expiry is acknowledged, no request
// in flight can bring that session back or write into it. One limit: where the store
// cannot move records, a sign-in makes two writes. If its process stalls for more than a
// minute between them, the session can outlive a sign-out in between.
//
// What the browser was told is stored. Changes made before the first byte of the
// response are committed before that byte leaves. If the commit fails, nothing of the
// handler's response is sent, trailers included: the client gets what
// Options.ErrorHandler writes, by default a plain 503, and no cookie. One exception:
// where the session was ended meanwhile, its changes are dropped, logged, and the
// response goes out without a cookie. No shared cache may store a response that sets
// the cookie, or before which the session was read.
//
// A stolen store is not a stolen login. Tickets carry 256 random bits, and the store sees only
// their SHA-256. Nothing logged, listed or printed contains a ticket.
//
// No fixation. An unknown ticket is never adopted. Signing in changes the ticket, and
// the old one is dead before the new one is handed out, or the sign-in fails.
//
// Bad input costs nothing. A cookie that is not a well-formed ticket never reaches the
// store. A record that cannot be read is no session and is logged once: the request
// goes on without one, what it changes is dropped, and its cookie stays. A sign-out or
// a sign-in ends the record.
//
// Both clocks. An idle timeout and an absolute lifetime are both on by default. The
// absolute deadline is fixed in the record and enforced here, whatever the store or the
// cookie says; the idle timeout is the store's expiry, exact to a tenth.
//
// Bounded. Record size, number of values, nesting, time, retries and batches have limits with
// stated defaults: see [Options]. What a record claims to hold is never allocated before it is
// there, and a response body is never buffered.
//
// The second and third promise hold while the store keeps what it acknowledged. What a store's
// failover or eviction can undo stands in its package documentation.
//
// # How it works
//
// A [Session] is the record as it was loaded, plus the operations that this request
// performed. No lock is held while a handler runs. The commit applies the operations to
// the record and asks the store to replace exactly the version that was loaded. If
// another request committed first, it applies the same operations to the newer record
// and tries again; if the record is gone, it stays gone. docs/concurrency.md explains
// this at length, with a diagram.
//
// # Errors
//
// A session that could not be loaded reads as empty, and its error is sticky:
// [Session.Err]. The response that a handler computes from it is not sent, so most
// handlers need no error handling of their own. They do where they have effects besides
// the response, such as charging a card: there, put [Manager.Require] before the
// handler, which fails before it runs.
//
// # Values
//
// A value is read and written by a typed [Key], and stored as MessagePack or JSON; see
// [Format]. Adding fields to a struct is safe; a value that no longer decodes into its
// type reads as absent, is logged, and stays stored as it is until it is overwritten,
// so a deploy that is rolled back loses nothing.
package cloakroom
