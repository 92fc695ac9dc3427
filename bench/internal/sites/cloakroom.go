package sites

import (
	"net/http"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// Name is the one value that all sessions have.
const Name = cloakroom.Key[string](key)

// Cloakroom is this library with its defaults.
func Cloakroom(name, storeName string, store store.Store) (*measure.Site, error) {
	l, err := ours(store)
	if err != nil {
		return nil, err
	}
	counting := countstore.New(store)
	counted, err := ours(counting)
	if err != nil {
		return nil, err
	}
	s := l.site(name, storeName)
	s.Counted = counted.site(name, storeName)
	s.Calls = func() int64 {
		n := counting.Stats()
		return n.Loads + n.Creates + n.Replaces + n.Touches + n.Deletes + n.Moves
	}
	return s, nil
}

func ours(store store.Store) (library, error) {
	m, err := cloakroom.New(store, cloakroom.Options{})
	if err != nil {
		return library{}, err
	}
	return library{
		wrap: m.Handler,
		get:  func(r *http.Request) string { return Name.Get(m.Get(r)) },
		set: func(_ http.ResponseWriter, r *http.Request, value string) error {
			Name.Set(m.Get(r), value)
			return nil
		},
		renew: func(_ http.ResponseWriter, r *http.Request) error { return m.Get(r).Renew() },
	}, nil
}
