package memcachedstore

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Opener opens `memcached:` URLs for [storeurl.Open]: `memcached://host:port`,
// `memcached://host,host,host` for several servers, IPv6 addresses among them in brackets, and
// `memcached:///run/memcached.sock` for a Unix socket. The parameters prefix, max_conns and
// max_item are those of [Options], as in `memcached://localhost?prefix=shop:`.
//
// Opening fails if no server answers.
func Opener() storeurl.Opener {
	return storeurl.Opener{Open: openURL, Schemes: []string{"memcached"}}
}

func openURL(ctx context.Context, u *url.URL) (store.Store, io.Closer, error) {
	q := storeurl.NewQuery(u)
	opts := Options{
		MaxConns: int(q.Int64("max_conns", 1, 0)),
		MaxItem:  int(q.Int64("max_item", 1, 0)),
		Prefix:   q.String("prefix", ""),
	}
	if err := q.Err(); err != nil {
		return nil, nil, err
	}
	switch {
	case u.User != nil:
		return nil, nil, errors.New("a user and a password are not supported, see Options.Dial")
	case u.Opaque != "", u.Fragment != "", u.Host == "" && u.Path == "",
		u.Host != "" && strings.Trim(u.Path, "/") != "":
		const forms = "memcached://host:port, memcached://host,host or memcached:///socket"
		return nil, nil, errors.New("want " + forms)
	case u.Host != "":
		opts.Servers = strings.Split(u.Host, ",")
	default:
		opts.Servers = []string{u.Path}
	}
	s, err := New(opts)
	if err != nil {
		return nil, nil, err
	}
	if errs := s.pingAll(ctx); len(errs) == len(s.servers) {
		_ = s.Close()
		return nil, nil, errors.Join(errs...)
	}
	return s, s, nil
}
