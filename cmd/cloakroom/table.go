package main

import (
	"bufio"
	"strings"
	"time"
	"unicode"

	"github.com/cloakroom-go/cloakroom"
)

// table writes sessions as rows. It does not hold them back to measure them, so its
// widths are fixed.
type table struct {
	out     *bufio.Writer
	aligned bool // for a terminal; if not, cells are whole and separated by tabs
}

var columns = []struct {
	name  string
	width int
}{
	{"ID", 22},
	{"OWNER", 20},
	{"CREATED", 20},
	{"EXPIRES", 20},
	{"IP", 15},
	{"USER AGENT", 60},
}

func (t *table) header() {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.name
	}
	_ = t.write(cells) // the buffered writer keeps the error for row or Flush
}

func (t *table) row(s *cloakroom.Info) error {
	created, expires := stamp(s.CreatedAt), stamp(s.ExpiresAt)
	return t.write([]string{s.ID, s.Owner, created, expires, s.IP, s.UserAgent})
}

func (t *table) write(cells []string) error {
	for i, cell := range cells {
		last := i == len(cells)-1
		cell = printable(cell)
		if t.aligned {
			cell = fit(cell, columns[i].width, !last)
		}
		_, _ = t.out.WriteString(cell)
		switch {
		case last:
			_ = t.out.WriteByte('\n')
		case t.aligned:
			_, _ = t.out.WriteString("  ")
		default:
			_ = t.out.WriteByte('\t')
		}
	}
	_, err := t.out.Write(nil)
	return err
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// printable replaces characters that a terminal would act on, or that change the
// direction of text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// fit cuts s to a width, and fills it up if fill is set.
func fit(s string, width int, fill bool) string {
	runes := []rune(s)
	switch {
	case len(runes) > width:
		return string(runes[:width-1]) + "…"
	case fill:
		return s + strings.Repeat(" ", width-len(runes))
	}
	return s
}
