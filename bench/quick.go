package main

import (
	"context"
	"testing"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/overhttp"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

// quick measures what the ratios need, and no more.
func (x *run) quick(ctx context.Context) error {
	for _, part := range []func(context.Context) error{x.quickMemory, x.quickFiles, x.quickRedis, x.quickHTTP} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (x *run) quickMemory(ctx context.Context) error {
	return x.memory(ctx, sections.Tasks(100, 1000, 10000))
}

func (x *run) quickFiles(ctx context.Context) error {
	return x.section(ctx, "file", func(_ testing.TB, o *sections.Opened) error {
		list := o.Select(measure.Bare, "gorilla bare", sections.Cloakroom, "gorilla")
		return x.alone(sections.Crowds(list, []sections.Task{{Act: measure.Read, Payload: 100}, {Act: measure.Write, Payload: 100}}))
	})
}

func (x *run) quickRedis(ctx context.Context) error {
	return x.section(ctx, "redis", func(_ testing.TB, o *sections.Opened) error {
		return x.redisRatios(ctx, o)
	})
}

// redisRatios measures records of 300 bytes with many clients.
func (x *run) redisRatios(ctx context.Context, o *sections.Opened) error {
	crowds := sections.Crowds(o.Sites, []sections.Task{{Act: measure.Read, Payload: smallRecord}, {Act: measure.Write, Payload: smallRecord}})
	load, err := sections.NewLoads("redis", o.Store, recordBytes, manyClients)
	if err != nil {
		return err
	}
	if err := x.together(crowds, manyClients, load); err != nil {
		return err
	}
	for _, near := range o.Select(sections.Near) {
		if err := measure.NewCrowd(near, measure.Write, smallRecord).Fresh(200); err != nil {
			return err
		}
	}
	return x.increments(ctx, "redis", o)
}

// quickHTTP compares with servers of their own.
func (x *run) quickHTTP(ctx context.Context) error {
	return x.part(ctx, "redis over HTTP", func(t testing.TB) error {
		return x.overHTTP(t, "redis", smallRecord, []int{manyClients}, "bare", "cloakroom", "fiber bare", "fiber", "flask bare", "flask")
	})
}

// overHTTP measures servers that are processes of their own. Their cells need longer than others, to have enough requests
// of the slow ones.
func (x *run) overHTTP(t testing.TB, store string, payload int, clients []int, libraries ...string) error {
	o, err := overhttp.Open(t, store, payload, libraries...)
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
}
