package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/cloakroom-go/cloakroom/bench/internal/growth"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/overhttp"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

// ratio is a line to print: the cost of one cell divided by that of another, or another
// value.
type ratio struct {
	name      string
	over, per measure.Key
	gross     bool    // without subtracting what the bare handler takes
	value     string  // of run.values, instead of two cells
	limit     float64 // zero is none
	atMost    bool    // the limit is an upper one; otherwise a lower one
}

func (r ratio) of(x *run) (float64, bool) {
	if r.value != "" {
		v, ok := x.values[r.value]
		return v, ok
	}
	return x.results.Ratio(r.over, r.per, !r.gross)
}

func (r ratio) holds(value float64) bool {
	switch {
	case r.limit == 0:
		return true
	case r.atMost:
		return value <= r.limit
	}
	return value >= r.limit
}

func (r ratio) bound() string {
	switch {
	case r.limit == 0:
		return ""
	case r.atMost:
		return fmt.Sprintf("at most %g", r.limit)
	}
	return fmt.Sprintf("at least %g", r.limit)
}

// cell returns the key of one client alone.
func cell(store, library string, act measure.Act, payload int) measure.Key {
	return measure.Key{Store: store, Library: library, Act: act, Payload: payload}
}

// crowd returns the key of 64 clients.
func crowd(store, library string, act measure.Act, payload int) measure.Key {
	k := cell(store, library, act, payload)
	k.Clients = manyClients
	return k
}

const (
	manyClients = 64
	// smallRecord is the payload that makes a record of 300 bytes on Redis.
	smallRecord = 224
	recordBytes = 300
)

// middlewareRatios compare with a middleware that does nothing.
func middlewareRatios() []ratio {
	over := func(act measure.Act, limit float64) ratio {
		return ratio{
			name: string(act) + "/middleware", gross: true, limit: limit, atMost: true,
			over: cell("memory", sections.Cloakroom, act, 100),
			per:  cell("memory", "middleware", measure.Untouched, 0),
		}
	}
	return []ratio{over(measure.Untouched, 1.4), over(measure.Read, 4), over(measure.Write, 7)}
}

// ofValue returns a ratio that is a value with an upper limit.
func ofValue(name string, limit float64) ratio {
	return ratio{name: name, value: name, limit: limit, atMost: true}
}

// memoryRatios compare with peers in memory, one client alone.
func memoryRatios() []ratio {
	limits := map[string]float64{
		"untouched scs":  50,
		"read scs 100B":  17,
		"read scs 1KB":   17,
		"write scs 100B": 14, "write scs 10KB": 6.5,
		"read scs-json 100B": 3.2, "read scs-json 1KB": 6.8,
		"write scs-json 100B": 3.5, "write scs-json 10KB": 10,
	}
	list := []ratio{ofValue("allocations untouched memory", 2)}
	for _, peer := range []string{"scs", "scs-json", "gin"} {
		against := func(act measure.Act, payload int, size string) ratio {
			words := strings.TrimSpace(string(act) + " " + peer + " " + size)
			return ratio{
				name:  strings.TrimSpace(string(act) + " memory " + peer + " " + size),
				over:  cell("memory", peer, act, payload),
				per:   cell("memory", sections.Cloakroom, act, payload),
				limit: limits[words],
			}
		}
		list = append(list, against(measure.Untouched, 100, ""))
		for _, act := range []measure.Act{measure.Read, measure.Write} {
			list = append(list, against(act, 100, ""))
			for _, payload := range []int{100, 1000, 10000} {
				list = append(list, against(act, payload, measure.Size(payload)))
			}
		}
		if peer != "gin" {
			list = append(list, against(measure.SignIn, 100, ""))
		}
	}
	return list
}

// serverRatios compare on stores with a server or with files.
func serverRatios() []ratio {
	list := []ratio{
		{
			name: "read/load redis", limit: 1.35, atMost: true,
			over: crowd("redis", sections.Cloakroom, measure.Read, smallRecord),
			per:  crowd("redis", sections.Load, measure.Read, recordBytes),
		},
	}
	for _, against := range []struct{ store, peer string }{
		{"redis", "scs"}, {"redis", "scs-json"}, {sections.Valkey, "scs"},
	} {
		limit, byDefault, near := 4.0, 2.8, 40.0
		if against.peer != "scs" {
			limit, byDefault, near = 0, 0, 0
		}
		site := func(library string, act measure.Act) measure.Key {
			return crowd(against.store, library, act, smallRecord)
		}
		name := against.store + " " + against.peer
		for _, act := range []measure.Act{measure.Read, measure.Write} {
			peer := site(against.peer, act)
			list = append(list, ratio{
				name: string(act) + " " + name, limit: limit,
				over: peer, per: site(sections.Cloakroom, act),
			}, ratio{
				name: string(act) + " " + name + " default-client", limit: byDefault,
				over: peer, per: site(sections.DefaultClient, act),
			})
		}
		if against.store == "redis" {
			list = append(list, ratio{
				name: "near " + name, limit: near,
				over: site(against.peer, measure.Read), per: site(sections.Near, measure.Read),
			})
		}
	}
	for _, act := range []measure.Act{measure.Read, measure.Write} {
		list = append(list, ratio{
			name: string(act) + " postgres scs", limit: 1.5,
			over: crowd("postgres", "scs", act, smallRecord),
			per:  crowd("postgres", sections.Cloakroom, act, smallRecord),
		})
	}
	for _, peer := range []string{"flask", "fiber"} {
		for _, act := range []measure.Act{measure.Untouched, measure.Read, measure.Write} {
			r := ratio{
				name: "throughput redis " + peer + " " + string(act), gross: true,
				over: crowd(overhttp.Store("redis"), peer, act, usualPayload),
				per:  crowd(overhttp.Store("redis"), sections.Cloakroom, act, usualPayload),
			}
			if peer == "flask" && act != measure.Untouched {
				r.limit = 15
			}
			list = append(list, r)
		}
	}
	for _, store := range []string{"memory", "redis"} {
		list = append(list, ofValue("increments "+store, 2.1))
	}
	return list
}

func ratios() []ratio {
	list := append(middlewareRatios(), memoryRatios()...)
	list = append(list, serverRatios()...)
	return append(list, growthRatios()...)
}

// growthRatios compare many sessions with few.
func growthRatios() []ratio {
	var list []ratio
	for _, store := range growth.Stores() {
		for _, act := range []measure.Act{measure.Read, measure.Write} {
			name := "growth " + store + " " + string(act)
			r := ratio{name: name, value: name, atMost: true}
			if act == measure.Read && (store == "memory" || store == "file" || store == "sqlite") {
				r.limit = 1.5
			}
			list = append(list, r)
		}
	}
	return append(list, ofValue("bytes memory", 250))
}

// printRatios prints a line for each ratio that was measured, and a table of those that
// have a limit. Ratios that were not measured are in the table too, unless only a part
// was to be measured.
func printRatios(out io.Writer, x *run) error {
	var lines, limits strings.Builder
	fmt.Fprint(&limits, "name\tvalue\tlimit\t\n")
	for _, r := range ratios() {
		value, measured := r.of(x)
		if !measured {
			if r.limit != 0 && !x.partly {
				fmt.Fprintf(&limits, "%s\t-\t%s\tnot measured in this run\n", r.name, r.bound())
			}
			continue
		}
		fmt.Fprintf(&lines, "ratio %s %.2f\n", r.name, value)
		if r.limit == 0 {
			continue
		}
		verdict := "holds"
		if !r.holds(value) {
			verdict = "DOES NOT HOLD"
		}
		fmt.Fprintf(&lines, "      %s: %s\n", r.bound(), verdict)
		fmt.Fprintf(&limits, "%s\t%.2f\t%s\t%s\n", r.name, value, r.bound(), verdict)
	}
	if _, err := fmt.Fprintf(out, "%s\n", lines.String()); err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(table, limits.String()); err != nil {
		return err
	}
	return table.Flush()
}
