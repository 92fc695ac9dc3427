package event

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	var out strings.Builder
	log := Log(slog.New(slog.NewTextHandler(&out, nil)))
	log(t.Context(), Event{Kind: Swept, Reason: Expired, Count: 7})
	log(t.Context(), Event{
		Kind: Dropped, Session: "s", Former: "f", Owner: "o", Actor: "a", IP: "i", UserAgent: "u",
		Count: 1, Err: errors.New("e"),
	})
	log(t.Context(), Event{Kind: Unreadable})
	for _, want := range []string{
		`level=INFO msg="session records swept" reason=expired count=7`,
		`level=WARN msg="session changes dropped" session=s former=f owner=o actor=a ip=i ` +
			`userAgent=u error=e`,
		`level=WARN msg="session unreadable"` + "\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
