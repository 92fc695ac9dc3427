package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// progress tells how far copying has come: by a bar on a terminal, otherwise by a line
// now and then.
type progress struct {
	out   io.Writer
	bar   bool
	total int // for the bar

	copied, skipped, failed int
	other                   int // keys of something else

	drawn time.Time // when the bar was, zero while there is none
}

const (
	barWidth = 30
	barEvery = 100 * time.Millisecond
)

func (p *progress) done() int { return p.copied + p.skipped + p.failed + p.other }

// add counts a session, and reports whether it failed.
func (p *progress) add(c cloakroom.CopyResult) (failed bool) {
	switch {
	case c.Err != nil:
		p.failed++
	case c.Foreign:
		p.other++
	case c.Written:
		p.copied++
	default:
		p.skipped++
	}
	return c.Err != nil
}

// counts is how it stands.
func (p *progress) counts() string {
	text := fmt.Sprintf("%s copied, %d skipped, %d failed", count(p.copied, "session"), p.skipped, p.failed)
	if p.other > 0 {
		text += ", " + count(p.other, "other key") + " left alone"
	}
	return text
}

// step follows each session. What can't be written is noticed with the last line.
func (p *progress) step() {
	switch {
	case p.bar && time.Since(p.drawn) >= barEvery:
		p.drawn = time.Now()
		_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K", p.line())
	case !p.bar && p.done()%copyReport == 0:
		_, _ = fmt.Fprintf(p.out, "%s so far\n", p.counts())
	}
}

// line is the bar. Sessions that began since they were counted make the total grow.
func (p *progress) line() string {
	total := max(p.total, p.done(), 1)
	full := p.done() * barWidth / total
	return fmt.Sprintf("[%s%s] %3d%%  %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), p.done()*100/total, p.counts())
}

// clear takes the bar away, for other lines.
func (p *progress) clear() {
	if !p.drawn.IsZero() {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = time.Time{}
	}
}

// end shows the bar as it ended, on a line of its own.
func (p *progress) end() {
	if p.bar {
		_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K\n", p.line())
		p.drawn = time.Time{}
	}
}
