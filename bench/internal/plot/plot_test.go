package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestFigures(t *testing.T) {
	for name, figure := range map[string]string{
		"lines": Lines("Reads & <writes>", "clients", "requests a second", []Line{
			{"one", []float64{1, 16, 256}, []float64{10, 2000, 0}},
			{"another", []float64{1}, []float64{5}},
		}),
		"bars": Bars("Cost", "µs", []Group{{"read", []Bar{{"ours", 1.5}, {"peer", 70000}, {"nothing", 0}, {"below", -1}}}}),
	} {
		for d := xml.NewDecoder(strings.NewReader(figure)); ; {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if strings.Contains(figure, "NaN") || strings.Contains(figure, "Inf") {
			t.Errorf("%s: a place is no number:\n%s", name, figure)
		}
	}
	if got := Lines("", "", "", nil) + Bars("", "", nil); got != "" {
		t.Errorf("nothing was drawn as %q", got)
	}
}
