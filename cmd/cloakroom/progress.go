package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// progress shows how far copying has come: by a bar on a terminal, otherwise by a line
// now and then.
type progress struct {
	out   io.Writer
	bar   bool
	total int // for the bar

	copied, skipped, failed int
	other                   int // keys that are no sessions

	drawn time.Time // when the bar was drawn; zero while it is not shown
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

// counts returns the counts in words.
func (p *progress) counts() string {
	copied := count(p.copied, "session")
	text := fmt.Sprintf("%s copied, %d skipped, %d failed", copied, p.skipped, p.failed)
	if p.other > 0 {
		text += ", " + count(p.other, "other key") + " left alone"
	}
	return text
}

// step shows a session more. A failure to write shows at the last line.
func (p *progress) step() {
	switch {
	case p.bar && time.Since(p.drawn) >= barEvery:
		p.drawn = time.Now()
		_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K", p.line())
	case !p.bar && p.done()%copyReport == 0:
		_, _ = fmt.Fprintf(p.out, "%s so far\n", p.counts())
	}
}

// line returns the bar. Its total grows with sessions that began after the counting.
func (p *progress) line() string {
	total := max(p.total, p.done(), 1)
	full := p.done() * barWidth / total
	bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
	return fmt.Sprintf("[%s] %3d%%  %s", bar, p.done()*100/total, p.counts())
}

// clear removes the bar, to make room for another line.
func (p *progress) clear() {
	if !p.drawn.IsZero() {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = time.Time{}
	}
}

// end shows the bar a last time and ends its line.
func (p *progress) end() {
	if p.bar {
		_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K\n", p.line())
		p.drawn = time.Time{}
	}
}
