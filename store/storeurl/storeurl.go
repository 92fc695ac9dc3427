// Package storeurl opens a store by URL, so that one environment variable can say where
// sessions are kept.
//
//	store, closer, err := storeurl.Open(ctx, os.Getenv("SESSIONS"),
//		memstore.Opener(), filestore.Opener())
//
// Only the openers that are passed are known: nothing registers itself, and a program links only
// the stores that it names.
package storeurl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// ErrNoStore is what an opener returns for a URL with create=never if there is no store. Openers
// that would make something, such as a folder or a table, know that parameter.
var ErrNoStore = errors.New("no session store here")

// Opener opens the stores of one kind.
type Opener struct {
	// Open opens the store that u names. The Closer is not nil, and closes all that Open opened.
	// Errors may contain u: the function [Open] hides its secrets. A parameter that it does not
	// know is an error, see [Query].
	Open func(ctx context.Context, u *url.URL) (store.Store, io.Closer, error)

	// Schemes are the URL schemes that it opens, in lower case.
	Schemes []string
}

// Open opens the store at rawURL with the opener of its scheme. Close the [io.Closer], which is
// never nil without an error, when the store is not needed any more. ctx bounds the opening only.
//
// A URL may name several hosts, separated by commas, as host:port,[::1]:port; see [Hosts]. One
// without a scheme, or with one that no opener has, is an error that lists the known schemes. No
// error contains a secret of rawURL, see [Hide].
func Open(ctx context.Context, rawURL string, openers ...Opener) (store.Store, io.Closer, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, nil, fmt.Errorf("storeurl: %w", parseError(err))
	}
	var known []string
	for _, o := range openers {
		if u.Scheme != "" && slices.Contains(o.Schemes, u.Scheme) {
			store, closer, err := o.Open(ctx, u)
			if err != nil {
				return nil, nil, fmt.Errorf("storeurl: %s: %w", u.Scheme, Hide(err, rawURL))
			}
			return store, closer, nil
		}
		known = append(known, o.Schemes...)
	}
	slices.Sort(known)
	list := strings.Join(known, ", ")
	if u.Scheme == "" {
		return nil, nil, fmt.Errorf("storeurl: a store URL begins with a scheme, one of %s", list)
	}
	return nil, nil, fmt.Errorf("storeurl: unknown scheme %q; known are %s", u.Scheme, list)
}
