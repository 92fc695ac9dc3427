package filestore

import (
	"context"
	"io"
	"net/url"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Opener opens `file:` URLs for [storeurl.Open]: `file:///var/lib/app/sessions`, or
// relative to the working folder, `file:sessions` and `file:./sessions`. Parameters:
//
//   - create=never: make nothing; without a store the error is [storeurl.ErrNoStore].
//   - sweep_every=N, sweep_interval=DURATION: the options of these names.
//   - sync=off: [Options.NoSync].
//   - trust=on: [Options.TrustFolder].
func Opener() storeurl.Opener {
	return storeurl.Opener{Open: openURL, Schemes: []string{"file"}}
}

func openURL(_ context.Context, u *url.URL) (store.Store, io.Closer, error) {
	q := storeurl.NewQuery(u)
	opts := Options{
		onlyOpen:      q.OneOf("create", "auto", "never") == "never",
		NoSync:        q.OneOf("sync", "on", "off") == "off",
		SweepEvery:    int(min(q.Int64("sweep_every", 1, 0), 1<<30)),
		SweepInterval: q.Duration("sweep_interval", 0),
		TrustFolder:   q.OneOf("trust", "off", "on") == "on",
	}
	if err := q.Err(); err != nil {
		return nil, nil, err
	}
	dir, err := folder.FromURL(u)
	if err != nil {
		return nil, nil, err
	}
	s, err := New(dir, opts)
	if err != nil {
		return nil, nil, err
	}
	return s, s, nil
}
