package cachelibstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"strconv"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Opener opens `cachelib:` URLs for [storeurl.Open]:
// `cachelib:///var/lib/app/flask_session`, or relative to the working folder,
// `cachelib:flask_session`. Parameters:
//
//   - create=never: make nothing; where neither cachelib nor this package has used the folder,
//     the error is [storeurl.ErrNoStore].
//   - hash=detect, sha256 or md5: [Options.Hash].
//   - mode=0640: [Options.Mode], in octal.
//   - pickles=on: [Options.Pickles].
//   - prefix=TEXT: [Options.Prefix]; empty for none.
//   - sync=off: [Options.NoSync].
//   - trust=on: [Options.TrustFolder].
func Opener() storeurl.Opener {
	return storeurl.Opener{Open: openURL, Schemes: []string{"cachelib"}}
}

func openURL(_ context.Context, u *url.URL) (store.Store, io.Closer, error) {
	q := storeurl.NewQuery(u)
	hashes := map[string]Hash{"sha256": SHA256, "md5": MD5}
	opts := Options{
		Hash:    hashes[q.OneOf("hash", "detect", "sha256", "md5")],
		NoSync:  q.OneOf("sync", "on", "off") == "off",
		Pickles: q.OneOf("pickles", "off", "on") == "on",
		Prefix:  q.String("prefix", DefaultPrefix),

		TrustFolder: q.OneOf("trust", "off", "on") == "on",
		onlyOpen:    q.OneOf("create", "auto", "never") == "never",
	}
	opts.NoPrefix = opts.Prefix == ""
	mode := q.String("mode", "")
	if err := q.Err(); err != nil {
		return nil, nil, err
	}
	if mode != "" {
		n, err := strconv.ParseUint(mode, 8, 32)
		if err != nil {
			return nil, nil, errors.New("mode is permissions in octal, such as 0600")
		}
		opts.Mode = fs.FileMode(n)
	}
	dir, err := folder.FromURL(u)
	if err != nil {
		return nil, nil, err
	}
	s, err := New(dir, opts)
	if err != nil {
		return nil, nil, err
	}
	return s, closeNothing{}, nil
}

type closeNothing struct{}

func (closeNothing) Close() error { return nil }
