// Package report writes what was measured: a page with tables, figures, and the raw results.
package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/growth"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// Report is what one run has measured.
type Report struct {
	Machine  []string                 `json:"machine"`
	Versions []string                 `json:"versions"`
	Rounds   int                      `json:"rounds"`
	Each     time.Duration            `json:"each"`
	Skipped  []string                 `json:"skipped,omitempty"`
	Ratios   []Ratio                  `json:"ratios"`
	Values   map[string]float64       `json:"values"`
	Grown    map[string]*growth.Grown `json:"growth"`
	Cells    []*measure.Result        `json:"cells"`
	results  *measure.Results
}

// Ratio is one line of what was compared.
type Ratio struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Bound string  `json:"bound,omitempty"`
	Holds bool    `json:"holds"`
}

// Write writes performance.md and the folder performance into dir. Git ignores results.json
// there, which has every round.
func (r *Report) Write(dir string, results *measure.Results) error {
	r.results, r.Cells = results, results.List
	folder := filepath.Join(dir, "performance")
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // documentation
		return err
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := write(filepath.Join(folder, "results.json"), string(raw)+"\n"); err != nil {
		return err
	}
	if err := r.writeCSV(filepath.Join(folder, "results.csv")); err != nil {
		return err
	}
	for name, figure := range r.figures() {
		if figure == "" {
			continue
		}
		if err := write(filepath.Join(folder, name+".svg"), figure); err != nil {
			return err
		}
	}
	return write(filepath.Join(dir, "performance.md"), r.page())
}

func write(path, text string) error {
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // documentation
}

// writeCSV writes the medians, a line a cell.
func (r *Report) writeCSV(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	records := [][]string{{
		"store", "library", "act", "payload", "clients", "sessions",
		"ns", "net_ns", "bytes", "allocs",
		"p50_ns", "p90_ns", "p99_ns", "store_calls", "wire_bytes",
	}}
	decimal := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	for _, c := range r.Cells {
		record := []string{
			c.Store, c.Library, string(c.Act),
			strconv.Itoa(c.Payload), strconv.Itoa(c.Clients), strconv.Itoa(c.Sessions),
			decimal(c.Nanos()), decimal(r.results.Net(c.Key)),
			decimal(c.Bytes()), decimal(c.Allocs()),
			"", "", "", "", "",
		}
		if l := c.Latency; l != nil {
			record[10], record[11], record[12] = decimal(l.P50), decimal(l.P90), decimal(l.P99)
		}
		if n := c.Counts; n != nil && n.Calls >= 0 {
			record[13] = decimal(n.Calls)
		}
		if n := c.Counts; n != nil && n.Wire >= 0 {
			record[14] = decimal(n.Wire)
		}
		records = append(records, record)
	}
	if err := w.WriteAll(records); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}
