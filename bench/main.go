// Command bench measures what sessions cost a request: Cloakroom's, a do-nothing middleware's and
// those of scs, with the same trivial handler in one process, one request at a time, in processor time,
// garbage collection included. Times differ from machine to machine and from minute to minute, so the cells are measured in turn, round after round, and what counts is the
// ratio of two cells in one round: each printed ratio is the median over all rounds.
//
//	GOWORK=off go run . -rounds 7 -time 200ms
//
// The lines `ratio NAME VALUE` come in two kinds. untouched/middleware divides the cost of a Cloakroom
// request by that of the do-nothing middleware. `read memory scs` divides the cost of the peer by ours,
// both less what the bare handler takes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 7, "how often each cell is measured; at least 5 make a fair median")
	each := flag.Duration("time", 200*time.Millisecond, "how long each cell is measured in one round")
	flag.Parse()
	if *rounds < 1 || *each <= 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *rounds, *each); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, rounds int, each time.Duration) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or idle processors would collect garbage at a cell's cost
	cells, err := newCells()
	if err != nil {
		return err
	}
	defer cells.close()
	measured, err := measure(cells.list, rounds, each)
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprint(&text, "cell\tns/op\tB/op\tallocs/op\t\n")
	for _, c := range cells.list {
		m := measured[c.name]
		fmt.Fprintf(&text, "%s\t%.0f\t%.0f\t%.0f\t\n", c.name, median(m.nanos), median(m.bytes), median(m.allocs))
	}
	fmt.Fprintf(&text, "\n%d rounds of %v; the value has %d bytes; medians.\n\n", rounds, each, valueBytes)
	for _, r := range ratios() {
		got := r.of(measured)
		fmt.Fprintf(&text, "ratio %s %.2f\n", r.name, got)
		if r.limit > 0 && got > r.limit {
			fmt.Fprintf(&text, "      over its limit of %v\n", r.limit)
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if _, err := io.WriteString(table, text.String()); err != nil {
		return err
	}
	return table.Flush()
}
