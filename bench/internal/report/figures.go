package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/bench/internal/growth"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/plot"
)

const (
	manyClients = 64
	usual       = 1000 // bytes of the value in figures
)

// stores returns the stores of the cells that count, in the order in which they were measured.
func (r *Report) stores(of func(*measure.Result) bool) []string {
	var list []string
	for _, c := range r.Cells {
		if of(c) && !slices.Contains(list, c.Store) {
			list = append(list, c.Store)
		}
	}
	return list
}

func alone(c *measure.Result) bool   { return c.Clients == 0 && c.Sessions == 0 }
func crowded(c *measure.Result) bool { return c.Clients > 0 && c.Sessions == 0 }
func grown(c *measure.Result) bool   { return c.Sessions > 0 && c.Library == "cloakroom" }

// has reports whether a library has sessions.
func has(library string) bool {
	return library != "middleware" && library != "cloakroom-load" &&
		!strings.HasSuffix(library, measure.Bare)
}

// figures draws everything, by file name.
func (r *Report) figures() map[string]string {
	figures := make(map[string]string)
	for _, store := range r.stores(alone) {
		figures["cost-"+slug(store)] = r.costs(store)
	}
	for _, store := range r.stores(crowded) {
		for _, act := range []measure.Act{measure.Read, measure.Write} {
			figures["clients-"+slug(store)+"-"+string(act)] = r.clients(store, act)
		}
	}
	for _, act := range []measure.Act{measure.Read, measure.Write} {
		figures["growth-"+string(act)] = r.growth(act)
	}
	figures["growth-bytes"] = r.growthBytes()
	return figures
}

func slug(store string) string { return strings.ToLower(strings.ReplaceAll(store, " ", "-")) }

// costs compares the libraries on one store, one client alone.
func (r *Report) costs(store string) string {
	var groups []plot.Group
	for _, act := range acts {
		g := plot.Group{Name: string(act)}
		anySize := act == measure.Untouched || act == measure.SignIn
		for _, c := range r.Cells {
			if !alone(c) || c.Store != store || c.Act != act || !has(c.Library) {
				continue
			}
			if c.Payload == usual || anySize {
				micros := r.results.Net(c.Key) / 1e3
				g.Bars = append(g.Bars, plot.Bar{Name: c.Library, Value: micros})
			}
		}
		if len(g.Bars) > 0 {
			groups = append(groups, g)
		}
	}
	return plot.Bars("What sessions cost a request: "+store,
		"µs of processor time beside the handler; read and write: 1 KB in the session", groups)
}

// clients shows throughput by the number of clients.
func (r *Report) clients(store string, act measure.Act) string {
	var lines []plot.Line
	for _, c := range r.Cells {
		if crowded(c) && c.Store == store && c.Act == act && c.Payload == usual && has(c.Library) {
			lines = addPoint(lines, c.Library, float64(c.Clients), c.Throughput())
		}
	}
	return plot.Lines(fmt.Sprintf("%s, %s: requests a second", store, act),
		"clients at once", "requests a second, 1 KB in the session", sorted(lines))
}

// growth shows the cost of a request by the number of sessions.
func (r *Report) growth(act measure.Act) string {
	var lines []plot.Line
	for _, c := range r.Cells {
		if c.Sessions == 0 || c.Act != act || !has(c.Library) {
			continue
		}
		name := c.Store
		if c.Library == growth.Cachelib {
			name = c.Library
		}
		lines = addPoint(lines, name, float64(c.Sessions), r.results.Net(c.Key)/1e3)
	}
	return plot.Lines(fmt.Sprintf("Does it matter how many sessions there are? %s", act),
		"sessions in the store", "µs a request beside the handler", sorted(lines))
}

// addPoint adds a point to the line of that name, and the line if it is new.
func addPoint(lines []plot.Line, name string, x, y float64) []plot.Line {
	i := slices.IndexFunc(lines, func(l plot.Line) bool { return l.Name == name })
	if i < 0 {
		i = len(lines)
		lines = append(lines, plot.Line{Name: name})
	}
	lines[i].X, lines[i].Y = append(lines[i].X, x), append(lines[i].Y, y)
	return lines
}

func (r *Report) growthBytes() string {
	var lines []plot.Line
	for _, store := range r.stores(grown) {
		l := plot.Line{Name: store}
		if r.Grown[store] == nil {
			continue
		}
		for size, bytes := range r.Grown[store].Bytes {
			l.X, l.Y = append(l.X, float64(size)), append(l.Y, bytes)
		}
		lines = append(lines, l)
	}
	return plot.Lines("What a session takes in the store",
		"sessions in the store", "bytes a session, of which the value is 100", sorted(lines))
}

// sorted puts the points of lines in the order of x.
func sorted(lines []plot.Line) []plot.Line {
	for i, l := range lines {
		order := make([]int, len(l.X))
		for j := range order {
			order[j] = j
		}
		slices.SortFunc(order, func(a, b int) int { return int(l.X[a]) - int(l.X[b]) })
		s := plot.Line{Name: l.Name}
		for _, j := range order {
			s.X, s.Y = append(s.X, l.X[j]), append(s.Y, l.Y[j])
		}
		lines[i] = s
	}
	return lines
}
