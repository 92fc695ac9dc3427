package host

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestDo(t *testing.T) {
	var order []string
	cleaning := func(h testing.TB) {
		h.Cleanup(func() { order = append(order, "first") })
		h.Cleanup(func() { order = append(order, "second") })
	}
	for _, tt := range []struct {
		name    string
		part    func(h testing.TB) error
		skipped string
		err     string
	}{
		{"returns", func(h testing.TB) error { cleaning(h); return nil }, "", ""},
		{"fails", func(h testing.TB) error { cleaning(h); return errors.New("broken") }, "", "broken"},
		{"ends", func(h testing.TB) error { cleaning(h); h.Fatalf("ended %d", 1); return nil }, "", "ended 1"},
		{"skips", func(h testing.TB) error { cleaning(h); h.Skipf("not %s", "here"); return nil }, "not here", ""},
		{"panics", func(h testing.TB) error { cleaning(h); panic("oh") }, "", "panic: oh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			order = nil
			skipped, err := Do(context.Background(), tt.part)
			if skipped != tt.skipped {
				t.Errorf("skipped %q, want %q", skipped, tt.skipped)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if want := []string{"second", "first"}; !slices.Equal(order, want) {
				t.Errorf("cleaned up %v, want %v", order, want)
			}
		})
	}
}
