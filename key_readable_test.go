package cloakroom_test

import (
	"fmt"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

type (
	tree struct {
		Left, Right *tree
		Value       any
		When        time.Time
	}
	shape   struct{ Of fmt.Stringer }
	shapes  struct{ All map[string][]*shape }
	inner   struct{ Err error }
	wrapper struct {
		inner
		N int
	}
	skips struct {
		Log  fmt.Stringer `json:"-"`
		Name string
	}
)

// TestReadableTypes: Set refuses what could not be read back, whatever the value, and
// says where it is.
func TestReadableTypes(t *testing.T) {
	set := func(f cloakroom.Format, set func(s *cloakroom.Session)) error {
		s := newSite(t, cloakroom.Options{Format: f})
		var err error
		s.browser().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			set(s)
			err = s.Err()
		})
		return err
	}
	for _, f := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		for name, refused := range map[string]func(*cloakroom.Session){
			"Stringer": func(s *cloakroom.Session) { cloakroom.Key[fmt.Stringer]("k").Set(s, netip.MustParseAddr("::1")) },
			"error":    func(s *cloakroom.Session) { cloakroom.Key[[]error]("k").Set(s, nil) },
			"shape":    func(s *cloakroom.Session) { cloakroom.Key[shape]("k").Set(s, shape{}) },
			"shapes":   func(s *cloakroom.Session) { cloakroom.Key[shapes]("k").Set(s, shapes{}) },
			"wrapper":  func(s *cloakroom.Session) { cloakroom.Key[*wrapper]("k").Set(s, nil) },
			"Update": func(s *cloakroom.Session) {
				cloakroom.Key[shape]("k").Update(s, func(v shape) shape { return v })
			},
		} {
			if err := set(f, refused); err == nil || !strings.Contains(err.Error(), "interface") || !strings.Contains(err.Error(), `"k"`) {
				t.Errorf("%v, %s: %v", f, name, err)
			}
		}
		for name, taken := range map[string]func(*cloakroom.Session){
			"any":   func(s *cloakroom.Session) { cloakroom.Key[any]("k").Set(s, map[string]any{"a": []any{1}}) },
			"tree":  func(s *cloakroom.Session) { cloakroom.Key[tree]("k").Set(s, tree{Left: &tree{}}) },
			"url":   func(s *cloakroom.Session) { cloakroom.Key[*url.URL]("k").Set(s, &url.URL{Host: "h"}) },
			"big":   func(s *cloakroom.Session) { cloakroom.Key[big.Int]("k").Set(s, *big.NewInt(5)) },
			"skips": func(s *cloakroom.Session) { cloakroom.Key[skips]("k").Set(s, skips{Name: "n"}) },
		} {
			if err := set(f, taken); err != nil {
				t.Errorf("%v, %s: %v", f, name, err)
			}
		}
	}
}
