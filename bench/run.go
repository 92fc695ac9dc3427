package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/growth"
	"github.com/cloakroom-go/cloakroom/bench/internal/host"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

// run is one run of the command, and what it has measured so far.
type run struct {
	out    io.Writer
	rounds int
	each   time.Duration // how long each cell is measured in one round
	counts int           // requests whose calls and bytes are counted
	partly bool          // only one part is to be measured

	results measure.Results
	values  map[string]float64 // other than costs of cells
	grown   map[string]*growth.Grown
	skipped []string
}

func newRun(out io.Writer, rounds int, each time.Duration) *run {
	return &run{
		out: out, rounds: rounds, each: each, counts: 100,
		values: make(map[string]float64), grown: make(map[string]*growth.Grown),
	}
}

// part does one part of the run. What is not installed is left out, visibly, or is an
// error where the environment has CI=true.
func (x *run) part(ctx context.Context, name string, do func(t testing.TB) error) error {
	begun := time.Now()
	skipped, err := host.Do(ctx, do)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case skipped != "":
		if err := x.skip(name + ": " + skipped); err != nil {
			return err
		}
	default:
		fmt.Fprintf(os.Stderr, "%s: %.0f s\n", name, time.Since(begun).Seconds())
	}
	return ctx.Err()
}

// skip leaves out a part that is not installed.
func (x *run) skip(what string) error {
	if os.Getenv("CI") == "true" {
		return errors.New(what)
	}
	x.leaveOut(what)
	return nil
}

// leaveOut leaves out an optional part.
func (x *run) leaveOut(what string) {
	x.skipped = append(x.skipped, what)
	fmt.Fprintf(os.Stderr, "skipped: %s\n", what)
}

// section opens a section and calls do with it.
func (x *run) section(
	ctx context.Context, store string, do func(t testing.TB, o *sections.Opened) error,
) error {
	return x.part(ctx, store, func(t testing.TB) error {
		o, err := sections.Find(store).Open(t)
		if err != nil {
			return err
		}
		return do(t, o)
	})
}

// alone measures one client of each, in processor time.
func (x *run) alone(crowds []*measure.Crowd) error {
	// otherwise idle processors would collect garbage at a cell's cost
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	return x.results.Rounds(sections.Serial(crowds), x.rounds, x.each)
}

// together measures so many clients of each at once, by the clock.
func (x *run) together(crowds []*measure.Crowd, clients int, more ...measure.Cell) error {
	return x.results.Rounds(append(sections.Together(crowds, clients), more...), x.rounds, x.each)
}

// increments counts the store calls of many increments of one value.
func (x *run) increments(ctx context.Context, name string, o *sections.Opened) error {
	calls, err := sections.Increments(ctx, o.Store)
	if err == nil {
		x.values["increments "+name] = calls
	}
	return err
}

// memory measures one client alone on stores in memory.
func (x *run) memory(ctx context.Context, tasks []sections.Task, libraries ...string) error {
	return x.section(ctx, "memory", func(_ testing.TB, o *sections.Opened) error {
		if err := x.alone(sections.Crowds(o.Select(libraries...), tasks)); err != nil {
			return err
		}
		x.allocations()
		return x.increments(ctx, "memory", o)
	})
}

func (x *run) allocations() {
	if r := x.results.Find(cell("memory", sections.Cloakroom, measure.Untouched, 100)); r != nil {
		// the runtime allocates something now and then
		x.values["allocations untouched memory"] = math.Round(r.Allocs())
	}
}

// table prints the medians of the cells.
func (x *run) table() error {
	table := tabwriter.NewWriter(x.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	var text strings.Builder
	fmt.Fprint(&text, "store\tlibrary\t\t\tclients\tns/op\tB/op\tallocs/op\tp50 µs\tp99 µs\t\n")
	for _, r := range x.results.List {
		size, latency := "", "\t"
		if r.Payload > 0 {
			size = measure.Size(r.Payload)
		}
		if r.Latency != nil {
			latency = fmt.Sprintf("%.1f\t%.1f", r.Latency.P50/1e3, r.Latency.P99/1e3)
		}
		fmt.Fprintf(&text, "%s\t%s\t%s\t%s\t%d\t%.0f\t%.0f\t%.0f\t%s\t\n",
			r.Store, r.Library, r.Act, size, r.Clients, r.Nanos(), r.Bytes(), r.Allocs(), latency)
	}
	if _, err := io.WriteString(table, text.String()); err != nil {
		return err
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(x.out, "\n%d rounds of %v; medians. "+
		"0 clients: one alone, in processor time; others: by the clock.\n\n", x.rounds, x.each)
	return err
}
