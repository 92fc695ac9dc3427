package storeurl_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func TestQueryDuration(t *testing.T) {
	for raw, want := range map[string]time.Duration{
		"":               time.Minute,
		"every=1h30m":    90 * time.Minute,
		"every=0s":       0,
		"every=90":       -1,
		"every=":         -1,
		"every=1s&every": -1,
	} {
		q := storeurl.NewQuery(&url.URL{RawQuery: raw})
		got, err := q.Duration("every", time.Minute), q.Err()
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v", raw, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "every") {
			t.Errorf("%q: the error names no parameter: %v", raw, err)
		}
	}
}
