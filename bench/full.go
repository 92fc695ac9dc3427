package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloakroom-go/cloakroom/bench/internal/growth"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/overhttp"
	"github.com/cloakroom-go/cloakroom/bench/internal/report"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

// usualPayload is the payload of cells with several numbers of clients.
const usualPayload = 1000

// scale is how large a full run is.
type scale struct {
	clients  []int
	sizes    []int // of populations
	huge     int   // one more size, in memory only; zero is none
	expired  int
	cachelib []int
	records  int // in memory, to measure their overhead
}

var (
	fullScale = scale{
		clients: []int{1, 16, manyClients, 256}, sizes: []int{1000, 100_000, 1_000_000},
		expired: 20_000, cachelib: []int{1000, 10_000, 50_000}, records: 1_000_000,
	}
	tinyScale = scale{
		clients: []int{1, manyClients}, sizes: []int{10, 300},
		expired: 20, cachelib: []int{10, 100}, records: 10_000,
	}
)

// full measures everything.
func (x *run) full(ctx context.Context, s scale) error {
	for _, section := range sections.All() {
		err := x.section(ctx, section.Store, func(_ testing.TB, o *sections.Opened) error {
			return x.everything(ctx, section, o, s)
		})
		if err != nil {
			return err
		}
	}
	if err := x.quickValkey(ctx); err != nil {
		return err
	}
	for _, store := range []string{"memory", "redis"} {
		libraries := []string{measure.Bare, sections.Cloakroom, "scs", "fiber bare", "fiber"}
		if store == "redis" {
			libraries = append(libraries, "flask bare", "flask")
		}
		if err := x.overHTTP(ctx, store, s.clients, libraries...); err != nil {
			return err
		}
	}
	return x.growth(ctx, s)
}

// everything measures one store.
func (x *run) everything(
	ctx context.Context, section sections.Section, o *sections.Opened, s scale,
) error {
	crowds := sections.Crowds(o.Sites, sections.Tasks(100, 1000, 10000))
	if section.Alone {
		if err := x.alone(crowds); err != nil {
			return err
		}
	}
	for _, clients := range s.clients {
		chosen := crowds
		var more []measure.Cell
		if clients != manyClients {
			chosen = sections.Crowds(o.Sites, sections.ReadWrite(usualPayload))
		} else if section.Store == "redis" || section.Store == "postgres" {
			var err error
			if more, err = x.small(section.Store, o, o.Sites); err != nil {
				return err
			}
		}
		if err := x.together(chosen, clients, more...); err != nil {
			return err
		}
	}
	if err := x.count(crowds, s.clients); err != nil {
		return err
	}
	switch section.Store {
	case "memory":
		x.allocations()
		return x.increments(ctx, "memory", o)
	case "redis":
		return x.redisChecks(ctx, o)
	}
	return nil
}

// count counts store calls and bytes on the wire, and adds them to the cells of any
// number of clients.
func (x *run) count(crowds []*measure.Crowd, clients []int) error {
	for _, c := range crowds {
		counts, err := c.Count(x.counts)
		if err != nil {
			return err
		}
		for _, n := range append([]int{0}, clients...) {
			if r := x.results.Find(c.Key(n)); r != nil {
				r.Counts = &counts
			}
		}
	}
	return nil
}

// growth measures populations of several sizes.
func (x *run) growth(ctx context.Context, s scale) error {
	for _, store := range growth.Stores() {
		sizes := s.sizes
		if store == "memory" && s.huge > 0 {
			sizes = append(sizes[:len(sizes):len(sizes)], s.huge)
		}
		err := x.part(ctx, "growth of "+store, func(t testing.TB) error {
			g, err := growth.Measure(t, growth.Plan{
				Store: store, Sizes: sizes, Acts: []measure.Act{measure.Read, measure.Write},
				Rounds: x.rounds, Each: x.each, Expired: s.expired,
			}, &x.results)
			x.grown[store] = g
			return err
		})
		if err != nil {
			return err
		}
		x.growthRatio(store, s)
	}
	if err := x.overhead(ctx, s.records); err != nil {
		return err
	}
	return x.part(ctx, "growth of cachelib", func(t testing.TB) error {
		root, err := overhttp.Root()
		if err != nil {
			return err
		}
		err = growth.MeasureCachelib(ctx, root, s.cachelib, &x.results)
		if errors.Is(err, growth.ErrNoPython) {
			t.Skip(err.Error())
		}
		return err
	})
}

func (x *run) growthRatio(store string, s scale) {
	for _, act := range []measure.Act{measure.Read, measure.Write} {
		largest := growth.Key(store, act, s.sizes[len(s.sizes)-1])
		smallest := growth.Key(store, act, s.sizes[0])
		if v, ok := x.results.Ratio(largest, smallest, true); ok {
			x.values["growth "+store+" "+string(act)] = v
		}
	}
}

// overhead measures what a record takes in memory beyond its data.
func (x *run) overhead(ctx context.Context, records int) error {
	return x.part(ctx, fmt.Sprintf("overhead of %d records", records), func(testing.TB) error {
		bytes, err := growth.Overhead(ctx, records)
		x.values["bytes memory"] = bytes
		return err
	})
}

// write writes the page, its figures and results.
func (x *run) write(ctx context.Context, dir string) error {
	root, err := overhttp.Root()
	if err != nil {
		return err
	}
	if dir == "" {
		dir = filepath.Join(root, "docs")
	}
	r := &report.Report{
		Machine: report.Machine(), Versions: report.Versions(ctx, root),
		Rounds: x.rounds, Each: x.each, Skipped: x.skipped, Values: x.values, Grown: x.grown,
	}
	for _, one := range ratios() {
		if value, ok := one.of(x); ok {
			r.Ratios = append(r.Ratios, report.Ratio{
				Name: one.name, Value: value, Bound: one.bound(), Holds: one.holds(value),
			})
		}
	}
	if err := r.Write(dir, &x.results); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "written:", filepath.Join(dir, "performance.md"))
	return nil
}
