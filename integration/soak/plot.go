package soak

import (
	"fmt"
	"slices"
	"strings"
)

// panel is one curve over time.
type panel struct {
	title string
	at    []float64 // minutes
	value []float64
}

const (
	width, height = 720, 120
	left, gap     = 90, 46
)

// figure draws panels one below the other, as SVG.
func figure(title string, panels []panel) []byte {
	var b strings.Builder
	total := 40 + len(panels)*(height+gap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`font-family="sans-serif" font-size="12">`+"\n", left+width+20, total)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+
		`<text x="%d" y="22" font-size="15">%s</text>`+"\n", left, title)
	for i, p := range panels {
		top := 50 + i*(height+gap)
		if len(p.at) == 0 {
			continue
		}
		last, most := max(slices.Max(p.at), 1e-9), max(slices.Max(p.value)*1.1, 1e-9)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, left, top-5, p.title)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" `+
			`fill="none" stroke="#bbb"/>`+"\n", left, top, width, height)
		const label = `<text x="%d" y="%d" text-anchor="end">%.4g%s</text>`
		fmt.Fprintf(&b, label, left-6, top+10, most, "")
		fmt.Fprintf(&b, label, left-6, top+height, 0.0, "")
		fmt.Fprintf(&b, label+"\n", left+width, top+height+14, last, " min")
		b.WriteString(`<polyline fill="none" stroke="#2a6fb0" stroke-width="1.5" points="`)
		for j := range p.at {
			x, y := left+p.at[j]/last*width, float64(top)+height-p.value[j]/most*height
			fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
		}
		b.WriteString("\"/>\n")
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
