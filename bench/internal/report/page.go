package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// page writes performance.md.
func (r *Report) page() string {
	var b strings.Builder
	b.WriteString(introduction)
	r.limits(&b)
	b.WriteString("\n## One request after the other\n\n" + aloneText)
	for _, store := range r.stores(alone) {
		r.aloneTable(&b, store)
	}
	b.WriteString("\n## Many clients at once\n\n" + crowdedText)
	for _, store := range r.stores(crowded) {
		r.crowdedTable(&b, store)
	}
	r.growthSection(&b)
	b.WriteString(method)
	b.WriteString("\n## Where these numbers are from\n\n")
	fmt.Fprintf(&b, "%s.\n\n%d rounds, each cell %v in each.\n\n",
		strings.Join(r.Machine, "; "), r.Rounds, r.Each)
	for _, v := range r.Versions {
		fmt.Fprintf(&b, "- %s\n", v)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "\nNot measured: %s.\n", s)
	}
	b.WriteString("\n[results.csv](performance/results.csv) has the median of every cell. " +
		"`make bench` leaves every round in results.json beside it.\n")
	return b.String()
}

func (r *Report) limits(b *strings.Builder) {
	b.WriteString("| | measured | limit | |\n|---|---:|---|---|\n")
	for _, one := range r.Ratios {
		if one.Bound == "" {
			continue
		}
		verdict := "holds"
		if !one.Holds {
			verdict = "**does not hold**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", one.Name, digits(one.Value), one.Bound, verdict)
	}
}

func (r *Report) aloneTable(b *strings.Builder, store string) {
	fmt.Fprintf(b, "\n### %s\n\n![%[1]s](performance/cost-%[2]s.svg)\n\n",
		title(store), slug(store))
	b.WriteString("| | value | | µs | peer/ours | bytes | allocations | store calls |\n" +
		"|---|---|---|---:|---:|---:|---:|---:|\n")
	of := func(c *measure.Result) bool { return alone(c) && c.Store == store && has(c.Library) }
	r.rows(of, func(c *measure.Result, first bool) {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.0f | %.0f | %s |\n",
			once(first, string(c.Act)), once(first, measure.Size(c.Payload)), c.Library,
			digits(r.results.Net(c.Key)/1e3), r.against(c), c.Bytes(), c.Allocs(), calls(c))
	})
}

func (r *Report) crowdedTable(b *strings.Builder, store string) {
	fmt.Fprintf(b, "\n### %s\n\n", title(store))
	for _, act := range []measure.Act{measure.Read, measure.Write} {
		if r.clients(store, act) != "" {
			fmt.Fprintf(b, "![%s, %s](performance/clients-%s-%[2]s.svg)\n", store, act, slug(store))
		}
	}
	separate := strings.HasSuffix(store, "HTTP")
	b.WriteString("\nWith 64 clients:\n\n" +
		"| | value | | requests/s | peer/ours | p50 µs | p90 µs | p99 µs |")
	more := " allocations | store calls | bytes on the wire |"
	if separate {
		more = ""
	}
	fmt.Fprintf(b, "%s\n|---|---|---|---:|---:|---:|---:|---:|%s\n",
		more, strings.Repeat("---:|", strings.Count(more, "|")))
	r.rows(func(c *measure.Result) bool {
		return c.Clients == manyClients && crowded(c) && c.Store == store &&
			(has(c.Library) || separate)
	}, func(c *measure.Result, first bool) {
		l := measure.Latency{}
		if c.Latency != nil {
			l = *c.Latency
		}
		size := ""
		if c.Payload > 0 {
			size = measure.Size(c.Payload)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |",
			once(first, string(c.Act)), once(first, size), c.Library, thousands(c.Throughput()),
			r.against(c), digits(l.P50/1e3), digits(l.P90/1e3), digits(l.P99/1e3))
		if !separate {
			fmt.Fprintf(b, " %.0f | %s | %s |", c.Allocs(), calls(c), wire(c))
		}
		b.WriteString("\n")
	})
}

// acts are in the order of the page.
var acts = []measure.Act{measure.Untouched, measure.Read, measure.Write, measure.SignIn}

// rows calls row for the cells in the order of act, payload and library.
func (r *Report) rows(of func(*measure.Result) bool, row func(c *measure.Result, first bool)) {
	var list []*measure.Result
	for _, c := range r.Cells {
		if of(c) {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *measure.Result) int {
		if d := slices.Index(acts, a.Act) - slices.Index(acts, b.Act); d != 0 {
			return d
		}
		return a.Payload - b.Payload
	})
	for i, c := range list {
		row(c, i == 0 || c.Act != list[i-1].Act || c.Payload != list[i-1].Payload)
	}
}

func once(first bool, text string) string {
	if first {
		return text
	}
	return ""
}

// against returns the cost of a peer divided by Cloakroom's. Servers that are processes
// of their own are compared as a whole.
func (r *Report) against(c *measure.Result) string {
	if c.Library == "cloakroom" || !has(c.Library) {
		return ""
	}
	ours := c.Key
	ours.Library = "cloakroom"
	value, ok := r.results.Ratio(c.Key, ours, !strings.HasSuffix(c.Store, "HTTP"))
	if !ok {
		return ""
	}
	return digits(value)
}

func calls(c *measure.Result) string {
	if c.Counts == nil || c.Counts.Calls < 0 {
		return "–"
	}
	return digits(c.Counts.Calls)
}

func wire(c *measure.Result) string {
	if c.Counts == nil || c.Counts.Wire < 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", c.Counts.Wire)
}

// digits writes three significant digits.
func digits(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func thousands(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func title(store string) string {
	names := map[string]string{
		"sqlite": "SQLite", "postgres": "PostgreSQL", "redis": "Redis", "file": "Files",
		"redis over HTTP": "Redis over HTTP",
	}
	if name := names[store]; name != "" {
		return name
	}
	return strings.ToUpper(store[:1]) + store[1:]
}
