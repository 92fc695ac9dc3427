package folder_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/folder"
)

func TestReport(t *testing.T) {
	var log bytes.Buffer
	r := folder.NewReport(slog.New(slog.NewTextHandler(&log, nil)), "broken file")
	count := func(want int) {
		t.Helper()
		if n := strings.Count(log.String(), `"broken file" path=/a reason=why`); n != want {
			t.Errorf("reported %d times, want %d: %s", n, want, log.String())
		}
	}
	why := errors.New("why")
	r.Unreadable(t.Context(), "/a", why)
	r.Unreadable(t.Context(), "/a", why)
	count(1)
	r.Repaired("/a")
	r.Unreadable(t.Context(), "/a", why)
	count(2)
	for i := range 1000 { // more than it remembers
		r.Unreadable(t.Context(), fmt.Sprint(i), why)
	}
	r.Unreadable(t.Context(), "/a", why)
	count(3)
}
