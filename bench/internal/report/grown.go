package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/bench/internal/growth"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// growthSection writes what depends on the number of sessions.
func (r *Report) growthSection(b *strings.Builder) {
	stores := r.stores(grown)
	if len(stores) == 0 {
		return
	}
	b.WriteString("\n## Many sessions\n\n" + growthText)
	for _, name := range []string{"growth-read", "growth-write", "growth-bytes"} {
		fmt.Fprintf(b, "![%s](performance/%[1]s.svg)\n", name)
	}
	b.WriteString("\n| | sessions | read µs | write µs | bytes a session |\n" +
		"|---|---:|---:|---:|---:|\n")
	for _, store := range stores {
		if r.Grown[store] == nil {
			continue
		}
		for i, size := range slices.Sorted(maps.Keys(r.Grown[store].Bytes)) {
			read := r.results.Net(growth.Key(store, measure.Read, size)) / 1e3
			write := r.results.Net(growth.Key(store, measure.Write, size)) / 1e3
			fmt.Fprintf(b, "| %s | %s | %s | %s | %.0f |\n",
				once(i == 0, title(store)), thousands(float64(size)),
				digits(read), digits(write), r.Grown[store].Bytes[size])
		}
	}
	for i, c := range r.cachelib() {
		write := c.Key
		write.Act = measure.Write
		fmt.Fprintf(b, "| %s | %s | %s | %s | |\n",
			once(i == 0, growth.Cachelib), thousands(float64(c.Sessions)),
			digits(c.Nanos()/1e3), digits(r.results.Net(write)/1e3))
	}
	b.WriteString("\nReads by 4 clients before and while expired records are removed:\n\n" +
		"| | live sessions | removed | a second | p50 µs before | while " +
		"| p99 µs before | while |\n" +
		"|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, store := range stores {
		if r.Grown[store] == nil || r.Grown[store].Sweeping == nil {
			continue
		}
		s := r.Grown[store].Sweeping
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", title(store),
			thousands(float64(s.Sessions)), thousands(float64(s.Removed)), thousands(s.PerSecond),
			digits(s.Before.P50/1e3), digits(s.During.P50/1e3),
			digits(s.Before.P99/1e3), digits(s.During.P99/1e3))
	}
}

func (r *Report) cachelib() []*measure.Result {
	var list []*measure.Result
	for _, c := range r.Cells {
		if c.Library == growth.Cachelib && c.Act == measure.Read {
			list = append(list, c)
		}
	}
	return list
}
