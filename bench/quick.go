package main

import (
	"context"
	"testing"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

// quick measures what the ratios need, and no more.
func (x *run) quick(ctx context.Context) error {
	for _, part := range []func(context.Context) error{x.quickMemory, x.quickFiles, x.quickRedis} {
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
