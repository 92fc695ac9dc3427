package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/bench/internal/growth"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/overhttp"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

// quickParts are what the ratios need.
var quickParts = []struct {
	name string
	do   func(*run, context.Context) error
}{
	{"memory", (*run).quickMemory},
	{"file", (*run).quickFiles},
	{"redis", (*run).quickRedis},
	{"valkey", (*run).quickValkey},
	{"postgres", (*run).quickPostgres},
	{"http", (*run).quickHTTP},
	{"growth", (*run).quickGrowth},
}

func quickNames() []string {
	var names []string
	for _, part := range quickParts {
		names = append(names, part.name)
	}
	return names
}

// quick measures the parts of these names, or all.
func (x *run) quick(ctx context.Context, names ...string) error {
	for _, part := range quickParts {
		if len(names) > 0 && !slices.Contains(names, part.name) {
			continue
		}
		if err := part.do(x, ctx); err != nil {
			return err
		}
	}
	return nil
}

var memoryLibraries = []string{measure.Bare, "middleware", sections.Cloakroom, "scs", "scs-json"}

func (x *run) quickMemory(ctx context.Context) error {
	return x.memory(ctx, sections.Tasks(100, 1000, 10000), memoryLibraries...)
}

func (x *run) quickFiles(ctx context.Context) error {
	return x.section(ctx, "file", func(_ testing.TB, o *sections.Opened) error {
		list := o.Select(measure.Bare, "gorilla bare", sections.Cloakroom, "gorilla")
		return x.alone(sections.Crowds(list, sections.ReadWrite(100)))
	})
}

func (x *run) quickRedis(ctx context.Context) error {
	return x.section(ctx, "redis", func(_ testing.TB, o *sections.Opened) error {
		if err := x.smallTogether("redis", o, o.Sites); err != nil {
			return err
		}
		return x.redisChecks(ctx, o)
	})
}

// quickValkey measures the same on a server that compares and swaps by a command, where
// Redis 7 needs a script. Valkey is optional.
func (x *run) quickValkey(ctx context.Context) error {
	if !sections.HasValkey() {
		x.leaveOut("Valkey: scripts/install-valkey has not installed it")
		return nil
	}
	return x.section(ctx, sections.Valkey, func(_ testing.TB, o *sections.Opened) error {
		list := o.Select(sections.Cloakroom, sections.DefaultClient, "scs")
		return x.smallTogether(sections.Valkey, o, list)
	})
}

// smallTogether measures small records with many clients, and the bare handler with them.
func (x *run) smallTogether(store string, o *sections.Opened, list []*measure.Site) error {
	cells, err := x.small(store, o, list)
	if err != nil {
		return err
	}
	return x.together(sections.Crowds(o.Select(measure.Bare), nil), manyClients, cells...)
}

// small returns the cells of small records with many clients, and of the bare Load of Redis.
func (x *run) small(
	store string, o *sections.Opened, list []*measure.Site,
) ([]measure.Cell, error) {
	var crowds []*measure.Crowd
	for _, s := range list {
		if s.Does(measure.Read) {
			crowds = append(crowds,
				measure.NewCrowd(s, measure.Read, smallRecord),
				measure.NewCrowd(s, measure.Write, smallRecord))
		}
	}
	cells := sections.Together(crowds, manyClients)
	if store != "redis" {
		return cells, nil
	}
	load, err := sections.NewLoads(store, o.Store, recordBytes, manyClients)
	return append(cells, load), err
}

// redisChecks checks that a near cache serves no stale value to its own writer, and
// counts calls.
func (x *run) redisChecks(ctx context.Context, o *sections.Opened) error {
	for _, near := range o.Select(sections.Near) {
		if err := measure.NewCrowd(near, measure.Write, smallRecord).Fresh(200); err != nil {
			return err
		}
	}
	return x.increments(ctx, "redis", o)
}

func (x *run) quickPostgres(ctx context.Context) error {
	return x.section(ctx, "postgres", func(_ testing.TB, o *sections.Opened) error {
		return x.smallTogether("postgres", o, o.Select(sections.Cloakroom, "scs"))
	})
}

// quickGrowth measures the memory store only: filling the others takes minutes.
func (x *run) quickGrowth(ctx context.Context) error {
	s := fullScale
	err := x.part(ctx, "growth of memory", func(t testing.TB) error {
		sizes := []int{s.sizes[0], s.sizes[len(s.sizes)-1]}
		plan := growth.Plan{
			Store: "memory", Sizes: sizes, Acts: []measure.Act{measure.Read},
			Rounds: x.rounds, Each: x.each,
		}
		_, err := growth.Measure(t, plan, &x.results)
		return err
	})
	if err != nil {
		return err
	}
	x.growthRatio("memory", s)
	return x.overhead(ctx, s.records)
}

// quickHTTP compares servers that are processes of their own.
func (x *run) quickHTTP(ctx context.Context) error {
	return x.overHTTP(ctx, "redis", []int{manyClients},
		"bare", "cloakroom", "fiber bare", "fiber", "flask bare", "flask")
}

// overHTTP measures servers that are processes of their own. Their cells take longer than
// others, to have enough requests of the slow ones.
func (x *run) overHTTP(
	ctx context.Context, store string, clients []int, libraries ...string,
) error {
	if slices.Contains(libraries, "flask") && !overhttp.HasFlask() {
		libraries = slices.DeleteFunc(libraries, func(name string) bool {
			return strings.HasPrefix(name, "flask")
		})
		err := x.skip("Flask-Session: scripts/install-flask-session has not installed it")
		if err != nil {
			return err
		}
	}
	return x.part(ctx, overhttp.Store(store), func(t testing.TB) error {
		o, err := overhttp.Open(t, store, usualPayload, libraries...)
		if err != nil {
			return err
		}
		for _, n := range clients {
			cells := o.Cells(n, measure.Untouched, measure.Read, measure.Write)
			if err := x.results.Rounds(cells, x.rounds, 3*x.each); err != nil {
				return err
			}
		}
		return nil
	})
}
