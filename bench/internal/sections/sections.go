// Package sections opens stores, each with the sites that are measured on it together.
package sections

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	scsmem "github.com/alexedwards/scs/v2/memstore"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// The libraries of the sites, beside the peers'.
const (
	Cloakroom     = "cloakroom"
	DefaultClient = "cloakroom-default-client" // with Redis's client at its own defaults
	Near          = "cloakroom-near"           // with a near cache
	// files that are synced before a request is answered
	Synced = "cloakroom-synced"
)

// Section is a store with the sites on it.
type Section struct {
	Store string
	// no other process takes part, so one client can be measured in processor time
	Alone bool

	// Open starts what the section needs, for as long as t lasts.
	Open func(t testing.TB) (*Opened, error)
}

// Opened is a section at work.
type Opened struct {
	Sites []*measure.Site
	Store store.Store // Cloakroom's
	URL   string      // of the server, if there is one
}

// All returns the sections.
func All() []Section {
	return []Section{
		{Store: "memory", Alone: true, Open: memory},
		{Store: "file", Alone: true, Open: files},
		{Store: "sqlite", Alone: true, Open: sqlite},
		{Store: "postgres", Open: postgres},
		{Store: "redis", Open: redis},
		{Store: "memcached", Open: memcached},
	}
}

// Find returns the section of a store, even one that All leaves out.
func Find(store string) Section {
	for _, s := range append(All(), Section{Store: Valkey, Open: valkey}) {
		if s.Store == store {
			return s
		}
	}
	return Section{Store: store, Open: func(testing.TB) (*Opened, error) {
		return nil, errors.New("no such section: " + store)
	}}
}

// Select returns the sites of some libraries.
func (o *Opened) Select(libraries ...string) []*measure.Site {
	var list []*measure.Site
	for _, name := range libraries {
		for _, s := range o.Sites {
			if s.Library == name {
				list = append(list, s)
			}
		}
	}
	return list
}

func (o *Opened) add(library, storeName string, store store.Store) (*measure.Site, error) {
	s, err := sites.Cloakroom(library, storeName, store)
	if err == nil {
		o.Sites = append(o.Sites, s)
	}
	return s, err
}

func memory(t testing.TB) (*Opened, error) {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, store)
	o := &Opened{Store: store}
	o.Sites = []*measure.Site{sites.Bare("memory"), sites.Middleware("memory")}
	if _, err := o.add(Cloakroom, "memory", store); err != nil {
		return nil, err
	}
	o.Sites = append(o.Sites, sites.SCS("memory", scsmem.NewWithCleanupInterval(0))...)
	o.Sites = append(o.Sites, sites.Gin("memory")...)
	return o, nil
}

// files syncs no store but Synced: gorilla's never syncs.
func files(t testing.TB) (*Opened, error) {
	dir := t.TempDir()
	store, err := filestore.New(filepath.Join(dir, "cloakroom"), filestore.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	synced, err := filestore.New(filepath.Join(dir, "synced"), filestore.Options{})
	if err != nil {
		return nil, err
	}
	o := &Opened{Store: store, Sites: []*measure.Site{sites.Bare("file")}}
	if _, err := o.add(Cloakroom, "file", store); err != nil {
		return nil, err
	}
	if _, err := o.add(Synced, "file", synced); err != nil {
		return nil, err
	}
	peer, err := sites.Gorilla("file", filepath.Join(dir, "gorilla"))
	o.Sites = append(o.Sites, peer...)
	return o, err
}

func closeLater(t testing.TB, c io.Closer) { t.Cleanup(func() { _ = c.Close() }) }
