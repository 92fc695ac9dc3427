package memstore

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Opener opens `memory:` URLs for [storeurl.Open]. The parameters max_bytes and
// max_records are those of [Options], as in `memory:?max_records=100000`.
func Opener() storeurl.Opener {
	return storeurl.Opener{Open: openURL, Schemes: []string{"memory"}}
}

func openURL(_ context.Context, u *url.URL) (store.Store, io.Closer, error) {
	if u.Host != "" || u.Opaque != "" || u.Path != "" || u.User != nil {
		return nil, nil, fmt.Errorf("nothing but parameters may follow the scheme %q", u.Scheme)
	}
	q := storeurl.NewQuery(u)
	opts := Options{
		MaxBytes:   q.Int64("max_bytes", 1, 0),
		MaxRecords: int(q.Int64("max_records", 1, 0)),
	}
	if err := q.Err(); err != nil {
		return nil, nil, err
	}
	s, err := New(opts)
	if err != nil {
		return nil, nil, err
	}
	return s, s, nil
}
