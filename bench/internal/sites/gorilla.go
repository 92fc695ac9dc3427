package sites

import (
	"bytes"
	"net/http"
	"os"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// gorillaBare names the site that is subtracted from gorilla's.
const gorillaBare = "gorilla bare"

// Gorilla returns sites of gorilla/sessions with its store of files in dir, signed and
// not encrypted, and of its handler without sessions. The library keeps its sessions in
// the request, so both copy each request, as a server would make a new one.
func Gorilla(storeName, dir string) ([]*measure.Site, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	store := sessions.NewFilesystemStore(dir, bytes.Repeat([]byte("k"), 32))
	store.MaxLength(0) // the default is 4 KB
	const cookie = "session"
	l := library{
		wrap: anew,
		get: func(r *http.Request) string {
			s, err := store.Get(r, cookie)
			if err != nil {
				return ""
			}
			value, _ := s.Values[key].(string)
			return value
		},
		set: func(w http.ResponseWriter, r *http.Request, value string) error {
			s, err := store.Get(r, cookie)
			if err != nil {
				return err
			}
			s.Values[key] = value
			return s.Save(r, w)
		},
	}
	s := l.site("gorilla", storeName)
	s.Bare = gorillaBare
	bare := Bare(storeName)
	bare.Library = gorillaBare
	bare.Handler = func(measure.Act, *measure.Visitor) http.Handler { return anew(Untouching) }
	return []*measure.Site{bare, s}, nil
}

func anew(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(r.Context()))
	})
}
