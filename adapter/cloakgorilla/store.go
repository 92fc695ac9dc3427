package cloakgorilla

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"weak"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom"
)

// Options configure a [Store]. The zero value is ready for use.
type Options struct {
	// Owner is the key of the value by which the session SignIn says who is signed in: a
	// string or an integer, such as a user's id. Saving another one is a sign-in then, as
	// [cloakroom.Session.Login]: a new ticket, and an owner. Without it, a ticket that an
	// attacker has planted in a browser would be signed in too (session fixation), so
	// call Login at each sign-in where it is not set. The default is none.
	Owner string

	// SignIn is the name of the gorilla session that says who is signed in. Deleting that
	// one, by saving it with Options.MaxAge < 0, is a sign-out then: it ends the Cloakroom
	// session as [cloakroom.Session.Logout] does, with the values of all names. The default
	// is none: a session that is deleted loses its own values, and nothing else happens.
	SignIn string
}

// Store is a [sessions.Store]. It is safe for concurrent use; a [sessions.Session] is not.
// Make one with [New].
type Store struct {
	manager *cloakroom.Manager
	options Options
	loaded  sync.Map // from weak.Pointer[sessions.Session] to *snapshot
}

var _ sessions.Store = (*Store)(nil)

// New returns a store of gorilla's sessions in those of m. A request must pass through
// m.Handler before it comes to one that uses the store.
func New(m *cloakroom.Manager, options Options) *Store {
	return &Store{manager: m, options: options}
}

// Get returns the session of that name: for each name one in a request, see
// [sessions.Registry]. Errors are those of [Store.New].
func (st *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(st, name)
}

// New returns the session of that name as it is stored, each time another one. The first
// call in a request loads the Cloakroom session. IsNew is true for a name that was not
// saved yet, or was deleted.
//
// It never returns a nil session. With an error the session is empty: the request did not
// pass through the middleware, which is [cloakroom.ErrNoMiddleware], or the Cloakroom
// session could not be loaded, and then the response is not sent. An error that wraps a
// [*ValueError] says that a value could not be decoded: then the session has all others,
// and that one stays stored until it is set anew.
func (st *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	s := sessions.NewSession(st, name)
	s.Options = st.cookieOptions()
	s.IsNew = true
	if err := checkName(name); err != nil {
		return s, err
	}
	own := st.manager.Get(r)
	if err := own.Load(); err != nil {
		return s, fmt.Errorf("cloakgorilla: load session %q: %w", name, err)
	}
	s.ID = own.ID()
	if own.IsPersistent() {
		s.Options.MaxAge = st.persistentAge()
	}
	names := namesOf(own, name)
	s.IsNew = len(names) == 0
	seen, err := load(own, s, names)
	st.remember(s, seen)
	return s, err
}

// Save takes down what has changed in s since it was loaded or saved last. The middleware
// stores it before the first byte of the response; if that fails, the client gets a 503. After
// the first byte, a Cloakroom session without a cookie is too late: [cloakroom.ErrHeaderSent].
//
// A session that has never been saved is noted even if it has no values, so that it is not new
// any more. With s.Options.MaxAge < 0, its values are deleted: see also [Options.SignIn].
//
// Save fails, and takes nothing down, if a key is no string, if gob cannot encode a value, or if
// s.Options ask for a cookie that is not the Cloakroom session's: see the README.
func (st *Store) Save(r *http.Request, _ http.ResponseWriter, s *sessions.Session) error {
	name := s.Name()
	if err := checkName(name); err != nil {
		return err
	}
	own := st.manager.Get(r)
	if err := own.Load(); err != nil {
		return failed(name, err)
	}
	asked := sessions.Options{}
	if s.Options != nil {
		asked = *s.Options
	}
	if err := st.checkOptions(&asked); err != nil {
		return failed(name, err)
	}
	seen := st.seen(s)
	var err error
	if asked.MaxAge < 0 {
		err = st.delete(own, name, seen)
	} else {
		err = st.save(own, s, seen, asked.MaxAge)
	}
	if err == nil {
		err = own.Err()
	}
	if err != nil {
		return failed(name, err)
	}
	return nil
}

func failed(name string, err error) error {
	return fmt.Errorf("cloakgorilla: save session %q: %w", name, err)
}

func (st *Store) save(own *cloakroom.Session, s *sessions.Session, seen *snapshot, age int) error {
	changed, err := seen.changed(s.Values)
	if err != nil {
		return err
	}
	if owner := st.ownerIn(s); owner != "" && owner != own.Owner() {
		if err := own.Login(owner); err != nil { // before: another owner's values are dropped by it
			return err
		}
	}
	emptied := seen.store(own, s, changed)
	if (emptied || seen.unsaved) && len(namesOf(own, s.Name())) == 0 {
		marker(s.Name()).Set(own, true)
	}
	seen.unsaved = false
	if age != seen.age {
		own.SetPersistent(age > 0)
		seen.age = age
	}
	return nil
}

// ownerIn returns who is signed in by the values of a session, if they say so.
func (st *Store) ownerIn(s *sessions.Session) string {
	if st.options.Owner == "" || s.Name() != st.options.SignIn {
		return ""
	}
	switch owner := s.Values[st.options.Owner].(type) {
	case string:
		return owner
	case int, int64, uint, uint64, int32, uint32:
		return fmt.Sprint(owner)
	}
	return ""
}

func (st *Store) delete(own *cloakroom.Session, name string, seen *snapshot) error {
	clear(seen.values)
	seen.unsaved = true
	if name == st.options.SignIn {
		return own.Logout()
	}
	for _, stored := range namesOf(own, name) {
		cloakroom.Key[any](stored).Delete(own)
	}
	return nil
}

// remember keeps what a session was loaded with for as long as that session is in use. It
// has no place of its own for it, and the request of Save may be another copy than New's.
func (st *Store) remember(s *sessions.Session, seen *snapshot) {
	place := weak.Make(s)
	st.loaded.Store(place, seen)
	runtime.AddCleanup(s, func(place weak.Pointer[sessions.Session]) {
		st.loaded.Delete(place)
	}, place)
}

// seen returns what s was loaded with: nothing, for one that [sessions.NewSession] made.
func (st *Store) seen(s *sessions.Session) *snapshot {
	if seen, ok := st.loaded.Load(weak.Make(s)); ok {
		return seen.(*snapshot)
	}
	seen := newSnapshot(true, 0)
	st.remember(s, seen)
	return seen
}

// A name of gorilla's is one of a cookie, which has no colon, so what it begins is its own.
const separator = ":"

func checkName(name string) error {
	if name == "" || strings.Contains(name, separator) {
		const message = "cloakgorilla: the session's name is %.32q: it must be the name of a cookie"
		return fmt.Errorf(message, name)
	}
	return nil
}

func valueName(session, key string) string { return session + separator + key }

// marker is set for a session that was saved without values.
func marker(session string) cloakroom.Key[bool] {
	return cloakroom.Key[bool](separator + session)
}

// namesOf returns the names of what is stored of a gorilla session, its marker included.
func namesOf(own *cloakroom.Session, session string) (names []string) {
	for _, name := range own.Names() {
		if strings.HasPrefix(name, session+separator) || name == string(marker(session)) {
			names = append(names, name)
		}
	}
	return names
}

// A ValueError says that a stored value could not be decoded. It holds no stored data.
type ValueError struct {
	Key string // in gorilla's session
	Err error
}

func (e *ValueError) Error() string { return fmt.Sprintf("value %q: %v", e.Key, e.Err) }

// Unwrap returns Err.
func (e *ValueError) Unwrap() error { return e.Err }

// load puts the values of these names into s, and returns what they were.
func load(own *cloakroom.Session, s *sessions.Session, names []string) (*snapshot, error) {
	seen := newSnapshot(s.IsNew, s.Options.MaxAge)
	var all error
	for _, name := range names {
		if name == string(marker(s.Name())) {
			continue
		}
		key := strings.TrimPrefix(name, s.Name()+separator)
		stored, value, err := read(own, name)
		switch {
		case err != nil:
			all = errors.Join(all, &ValueError{Key: key, Err: err})
			seen.unreadable[key] = true
		case isEmpty(stored): // flash messages that were taken
		default:
			s.Values[key], seen.values[key] = value, stored
		}
	}
	if all != nil {
		all = fmt.Errorf("cloakgorilla: load session %q: %w", s.Name(), all)
	}
	return seen, all
}

// read returns what is stored under a name, and what gorilla's session has for it. They
// share no memory.
func read(own *cloakroom.Session, name string) (stored, value any, err error) {
	key := cloakroom.Key[any](name)
	if stored, _, err = key.Lookup(own); err != nil {
		return nil, nil, err
	}
	value, err = unpack(key.Get(own))
	return stored, value, err
}
