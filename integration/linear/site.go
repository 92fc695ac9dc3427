package linear

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const (
	keyA    = cloakroom.Key[string]("a")
	keyN    = cloakroom.Key[int]("n")
	keyM    = cloakroom.Key[int]("m")
	keyLog  = cloakroom.Key[string]("log")
	keyMark = cloakroom.Key[bool]("mark") // a sign-in that began afresh lacks it
)

// answer is what the site sends.
type answer struct {
	Gone    bool   `json:"gone"`    // there is no session
	Dropped bool   `json:"dropped"` // it ended before the commit
	Values  values `json:"values"`
}

// newSite returns a web site on a store, where clients act on their sessions.
func newSite(store store.Store, options cloakroom.Options) (http.Handler, error) {
	options.InsecureCookie = true
	options.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	m, err := cloakroom.New(store, options)
	if err != nil {
		return nil, err
	}
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := serve(m, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(a) // a client that is gone never learns the outcome
	})), nil
}

func serve(m *cloakroom.Manager, r *http.Request) (answer, error) {
	q := r.URL.Query()
	what, arg, owner := kind(q.Get("kind")), q.Get("arg"), q.Get("owner")
	s := m.Get(r)
	switch what {
	case revoke:
		_, err := m.RevokeOwned(r.Context(), owner)
		return answer{}, err
	case logout:
		return answer{}, s.Logout()
	case create:
		keyMark.Set(s, true)
		return answer{}, s.Save()
	}
	if err := s.Load(); err != nil {
		return answer{}, err
	}
	if s.IsNew() {
		return answer{Gone: true}, nil
	}
	if pause, err := strconv.Atoi(q.Get("pause")); err == nil {
		time.Sleep(time.Duration(pause) * time.Microsecond)
	}
	v, err := act(s, what, arg, owner)
	switch {
	case errors.Is(err, cloakroom.ErrUnknownOutcome):
		return answer{}, err
	case errors.Is(err, cloakroom.ErrEnded):
		return answer{Dropped: true}, nil // of a sign-in, the middleware sends the error
	}
	return answer{Values: v, Gone: what == login && !keyMark.Get(s)}, err
}

func act(s *cloakroom.Session, what kind, arg, owner string) (v values, err error) {
	plus := func(n int) int { return n + 1 }
	switch what {
	case get:
		return read(s), nil
	case set:
		keyA.Set(s, arg)
		return v, s.Save()
	case put:
		keyA.Set(s, arg)
		return v, nil
	case remove:
		keyA.Delete(s)
		return v, s.Save()
	case incr:
		v.N, err = keyN.UpdateNow(s, plus)
		return v, err
	case update:
		keyN.Update(s, plus)
		return v, nil
	case extend:
		v.Log, err = keyLog.UpdateNow(s, func(log string) string { return log + arg })
		return v, err
	case shift:
		err = s.Transact(func(tx *cloakroom.Tx) error {
			v.N, v.M = keyN.Get(tx)-1, keyM.Get(tx)+1
			keyN.Set(tx, v.N)
			keyM.Set(tx, v.M)
			return nil
		})
		return v, err
	case login:
		if err := s.Login(owner); err != nil {
			return v, err
		}
		err := s.Save()
		return read(s), err
	}
	return v, errors.New("no such operation: " + string(what))
}

func read(s *cloakroom.Session) values {
	return values{A: keyA.Get(s), N: keyN.Get(s), M: keyM.Get(s), Log: keyLog.Get(s)}
}

// injected counts the store calls that were disturbed in this process.
var injected atomic.Int64

// faulty disturbs about one store call in oneIn: it loses the answer, loses the call, or
// holds it up until others have come first.
func faulty(store store.Store, seed int64, oneIn int) store.Store {
	if oneIn == 0 {
		return store
	}
	f := storetest.NewFaulty(store)
	var mu sync.Mutex
	lots := rand.New(rand.NewPCG(uint64(seed), 1))
	f.Decide = func(op storetest.Op, _ string) storetest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if lots.IntN(oneIn) > 0 {
			return storetest.Fault{}
		}
		injected.Add(1)
		switch lots.IntN(4) {
		case 0:
			return storetest.Failed()
		case 1:
			// a late read tells nothing
			if op == storetest.OpLoad || op == storetest.OpOwned {
				return storetest.Failed()
			}
			return storetest.LaterAfter(1 + lots.IntN(6))
		}
		return storetest.Lost()
	}
	return f
}
