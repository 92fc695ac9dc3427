// Package plot draws the two kinds of figures that the results need, as SVG. It is here
// because what draws more needs a dozen modules, and because its output changes only
// where the results do.
package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Line is a series of a [Lines] figure: one y for each x.
type Line struct {
	Name string
	X, Y []float64
}

// Bar is one bar of a [Bars] figure.
type Bar struct {
	Name  string
	Value float64
}

// Group is the bars that are compared with each other.
type Group struct {
	Name string
	Bars []Bar
}

const (
	width  = 760
	left   = 70.0
	right  = 190.0
	top    = 46.0
	bottom = 48.0
	height = 380
)

var colors = []string{
	"#0b6e99", "#d1495b", "#edae49", "#5b8c5a", "#7d5ba6",
	"#8d6e63", "#444444", "#3fb8af", "#c06c84",
}

// drawing collects the elements of a figure.
type drawing struct{ b strings.Builder }

func begin(title string, w, h float64) *drawing {
	d := &drawing{}
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" `+
		`font-family="sans-serif" font-size="12" role="img">`+"\n", w, h)
	fmt.Fprintf(&d.b, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(&d.b, `<rect width="%.0f" height="%.0f" fill="#ffffff"/>`+"\n", w, h)
	d.text(14, 24, "start", title, `font-size="15" font-weight="bold"`)
	return d
}

func (d *drawing) end() string {
	d.b.WriteString("</svg>\n")
	return d.b.String()
}

func (d *drawing) text(x, y float64, anchor, text, more string) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="#222222" %s>%s</text>`+"\n",
		x, y, anchor, more, html.EscapeString(text))
}

func (d *drawing) line(x1, y1, x2, y2 float64, color string) {
	fmt.Fprintf(&d.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n",
		x1, y1, x2, y2, color)
}

func (d *drawing) rect(x, y, w, h float64, color string) {
	fmt.Fprintf(&d.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n",
		x, y, w, h, color)
}

// scale maps values to places on an axis, by their logarithm.
type scale struct{ low, high, from, to float64 }

// newScale returns a scale from the power of ten below all values to the one above.
func newScale(values []float64, from, to float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		low, high = 1, 10
	}
	s := scale{
		low: math.Floor(math.Log10(low)), high: math.Ceil(math.Log10(high)), from: from, to: to,
	}
	if s.low == s.high {
		s.high++
	}
	return s
}

func (s scale) at(v float64) float64 {
	if v <= 0 {
		return s.from
	}
	return s.from + (math.Log10(v)-s.low)/(s.high-s.low)*(s.to-s.from)
}

// ticks returns the powers of ten on the axis.
func (s scale) ticks() []float64 {
	var list []float64
	for e := s.low; e <= s.high; e++ {
		list = append(list, math.Pow(10, e))
	}
	return list
}

// number writes 1000 as 1k.
func number(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 3, 64) + "M"
	case v >= 1e3:
		return strconv.FormatFloat(v/1e3, 'g', 3, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Lines draws series over a common x, both axes by their logarithm. It returns "" where
// there is nothing to draw.
func Lines(title, xName, yName string, lines []Line) string {
	var xs, ys []float64
	for _, l := range lines {
		xs, ys = append(xs, l.X...), append(ys, l.Y...)
	}
	if len(xs) == 0 {
		return ""
	}
	d := begin(title, width, height)
	y := newScale(ys, height-bottom, top)
	x := newScale(xs, left, width-right)
	x.low, x.high = math.Log10(minimum(xs)), math.Log10(max(maximum(xs), minimum(xs)*2))
	for _, tick := range y.ticks() {
		d.line(left, y.at(tick), width-right, y.at(tick), "#dddddd")
		d.text(left-6, y.at(tick)+4, "end", number(tick), "")
	}
	seen := make(map[float64]bool)
	for _, v := range xs {
		if !seen[v] {
			seen[v] = true
			d.line(x.at(v), height-bottom, x.at(v), height-bottom+5, "#666666")
			d.text(x.at(v), height-bottom+18, "middle", number(v), "")
		}
	}
	d.line(left, height-bottom, width-right, height-bottom, "#666666")
	d.text((left+width-right)/2, height-10, "middle", xName, "")
	d.text(14, 40, "start", yName, `fill-opacity="0.7"`)
	for i, l := range lines {
		color := colors[i%len(colors)]
		var points []string
		for j := range l.X {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x.at(l.X[j]), y.at(l.Y[j])))
			fmt.Fprintf(&d.b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n",
				x.at(l.X[j]), y.at(l.Y[j]), color)
		}
		fmt.Fprintf(&d.b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n",
			strings.Join(points, " "), color)
		d.key(i, l.Name)
	}
	return d.end()
}

func (d *drawing) key(i int, name string) {
	y := top + 14*float64(i)*1.3
	d.rect(width-right+14, y, 12, 12, colors[i%len(colors)])
	d.text(width-right+32, y+10, "start", name, "")
}

// Bars draws groups of horizontal bars, by the logarithm of their values. It returns ""
// where there is nothing to draw.
func Bars(title, unit string, groups []Group) string {
	const row, gap, names = 18.0, 14.0, 220.0
	var values []float64
	h := top + bottom
	for _, g := range groups {
		h += row*float64(len(g.Bars)) + gap + row
		for _, b := range g.Bars {
			values = append(values, b.Value)
		}
	}
	if len(values) == 0 {
		return ""
	}
	d := begin(title, width, h)
	x := newScale(values, names, width-70)
	for _, tick := range x.ticks() {
		d.line(x.at(tick), top, x.at(tick), h-bottom, "#dddddd")
		d.text(x.at(tick), h-bottom+16, "middle", number(tick), "")
	}
	d.text((names+width-70)/2, h-12, "middle", unit, "")
	color := make(map[string]string)
	y := top
	for _, g := range groups {
		d.text(14, y+13, "start", g.Name, `font-weight="bold"`)
		y += row
		for _, b := range g.Bars {
			if color[b.Name] == "" {
				color[b.Name] = colors[len(color)%len(colors)]
			}
			d.text(names-8, y+13, "end", b.Name, "")
			d.rect(names, y+2, max(1, x.at(b.Value)-names), row-4, color[b.Name])
			d.text(max(names, x.at(b.Value))+5, y+13, "start", number(b.Value), "")
			y += row
		}
		y += gap
	}
	return d.end()
}

func minimum(values []float64) float64 {
	low := values[0]
	for _, v := range values {
		low = min(low, v)
	}
	return low
}

func maximum(values []float64) float64 {
	high := values[0]
	for _, v := range values {
		high = max(high, v)
	}
	return high
}
