// Package measure takes the cost of requests: of one at a time in processor time, or of
// many at once by the clock. Times differ from machine to machine and from minute to
// minute, so cells are measured in turn, round after round, and what counts is the
// ratio of two cells in one round.
package measure

import (
	"net/http"
	"slices"
)

// Act is what the handler of a cell does with its session.
type Act string

// What handlers do.
const (
	Untouched Act = "untouched" // nothing
	Read      Act = "read"      // one value
	Write     Act = "write"     // one value, another one each time
	SignIn    Act = "sign-in"   // a new ticket for the same session
	Start     Act = "start"     // a session that holds Values[1]: not measured
	Check     Act = "check"     // whether what was written latest is there: not measured
)

// Bare is the library of the sites without sessions: what a request costs beside them.
const Bare = "bare"

// Site is one library on one store, as it serves requests.
type Site struct {
	Library string // as in "scs-json"
	Store   string // as in "redis"
	Acts    []Act  // what the library can do
	Bare    string // the library of the cells that are subtracted; Bare if empty

	// Handler returns the library's middleware around a handler that acts for one visitor.
	Handler func(Act, *Visitor) http.Handler

	// Counted, if set, is the same on a store that counts its calls, and Calls is their
	// number.
	Counted *Site
	Calls   func() int64

	// Wire, if set, returns how many bytes went to the store's server and came from it so far.
	Wire func() int64
}

// Does reports whether the site has cells for act.
func (s *Site) Does(act Act) bool { return slices.Contains(s.Acts, act) }

func (s *Site) bare() string {
	if s.Bare == "" {
		return Bare
	}
	return s.Bare
}
