// Command bench measures what sessions cost a request: Cloakroom's and those of its
// peers, on the same requests, payloads and servers, interleaved in one run. What
// counts is the ratio of two cells in one round: each printed ratio is the median over
// all rounds.
//
//	GOWORK=off go run .          # in memory, one client alone
//	GOWORK=off go run . -quick   # the core of it, on files and servers too, within two minutes
//	GOWORK=off go run . -full -rounds 9   # everything, into docs/performance.md, in half an hour
//
//	GOWORK=off go run . -only postgres                    # one part of -quick
//	GOWORK=off go run . -only redis -cpuprofile cpu.prof   # where its time goes
//
// The lines `ratio NAME VALUE` come in two kinds. untouched/middleware divides the cost
// of a Cloakroom request by that of a middleware that does nothing. `read memory scs`
// divides the cost of the peer by ours, both less what the bare handler takes.
//
// Rounds are many and short, since a machine that is shared changes its pace from one
// second to the next: what is divided should be close together.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/overhttp"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

func main() {
	if serving() {
		os.Exit(1)
	}
	quick := flag.Bool("quick", false, "measure what the ratios need, on files and servers too")
	only := flag.String("only", "", "measure one part of -quick: "+strings.Join(quickNames(), ", "))
	full := flag.Bool("full", false, "measure everything, and write docs/performance.md")
	huge := flag.Bool("huge", false,
		"with -full: also ten million sessions in memory, which takes some 10 GB")
	tiny := flag.Bool("tiny", false, "with -full: few sessions, to see that everything works; "+
		"give -rounds 1 -time 5ms -out DIR with it")
	dir := flag.String("out", "", "with -full: the folder to write to, instead of docs")
	rounds := flag.Int("rounds", 15,
		"how often each cell is measured; at least 5 make a fair median")
	profile := flag.String("cpuprofile", "",
		"write a processor profile of this process to `file`; "+
			"go tool pprof -focus shows one library's part of it")
	each := flag.Duration("time", 50*time.Millisecond,
		"how long each cell is measured in one round")
	flag.Parse()
	unknown := *only != "" && !slices.Contains(quickNames(), *only)
	if *rounds < 1 || *each <= 0 || flag.NArg() > 0 || unknown {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	x := newRun(os.Stdout, *rounds, *each)
	do := func(ctx context.Context) error {
		return x.memory(ctx, sections.Tasks(100), memoryLibraries...)
	}
	switch {
	case *full:
		size := fullScale
		if *tiny {
			size = tinyScale
		}
		if *huge {
			size.huge = 10 * size.sizes[len(size.sizes)-1]
		}
		do = func(ctx context.Context) error {
			if err := x.full(ctx, size); err != nil {
				return err
			}
			return x.write(ctx, *dir)
		}
	case *only != "":
		x.partly = true
		do = func(ctx context.Context) error { return x.quick(ctx, *only) }
	case *quick:
		do = func(ctx context.Context) error { return x.quick(ctx) }
	}
	err := profiled(*profile, func() error { return present(ctx, os.Stdout, x, do) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiled calls f and writes a processor profile of it, if a file is named.
func profiled(name string, f func() error) error {
	if name == "" {
		return f()
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return errors.Join(err, out.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}

// serving turns this process into a server if it was started as one, and returns when the
// server has ended.
func serving() bool {
	if len(os.Args) < 2 || os.Args[1] != overhttp.Command {
		return false
	}
	fmt.Fprintln(os.Stderr, "bench:", overhttp.Serve(os.Args[2:]))
	return true
}

func present(ctx context.Context, out io.Writer, x *run, do func(context.Context) error) error {
	if err := do(ctx); err != nil {
		return err
	}
	if err := x.table(); err != nil {
		return err
	}
	return printRatios(out, x)
}
