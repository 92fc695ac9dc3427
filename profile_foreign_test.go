package cloakroom_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// manyValues is a MessagePack document of so many values.
func manyValues(n int) string {
	out := msgpack.AppendMapHeader(nil, n)
	for i := range n {
		out = msgpack.AppendInt(msgpack.AppendString(out, fmt.Sprintf("k%05d", i)), 1)
	}
	return string(out)
}

// TestForeignLimits: what another library stored over the limits can be read, changed
// where that makes it no larger, signed in, given a new ticket and emptied. Only what
// grows is refused, and leaves it as it was.
func TestForeignLimits(t *testing.T) {
	const most = 4
	one := cloakroom.Key[int]("k00001")
	for name, data := range map[string]string{
		"300 values":      manyValues(300),
		"3000 values":     manyValues(3000),
		"2 MiB":           "\x82\xa6k00001\x01\xa3big\xc6\x00\x20\x00\x00" + strings.Repeat("x", 2<<20),
		"a list 900 deep": "\x86\xa6k00001\x01\xa1b\x01\xa1c\x01\xa1d\x01\xa1e\x01\xa1f" + strings.Repeat("\x91", 900) + "\xc0",
		"JSON, 900 deep":  `{"k00001":1,"b":1,"c":1,"d":1,"e":1,"v":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`,
	} {
		for what, c := range map[string]struct {
			do     func(*cloakroom.Session)
			status int
			gone   bool // k00001 is
		}{
			"Delete":      {func(s *cloakroom.Session) { one.Delete(s) }, 200, true},
			"Set smaller": {func(s *cloakroom.Session) { one.Set(s, 0) }, 200, true},
			"Renew":       {func(s *cloakroom.Session) { s.Renew() }, 200, false},
			"Clear":       {func(s *cloakroom.Session) { s.Clear() }, 200, true},
			"Logout":      {func(s *cloakroom.Session) { s.Logout() }, 200, true},
			"Set larger":  {func(s *cloakroom.Session) { a.Set(s, strings.Repeat("a", 3000)) }, 503, false},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				s := newSite(t, cloakroom.Options{Profile: shared(), MaxValues: most, MaxBytes: 2048})
				tab, _ := s.plant(data)
				has := func() (n int) {
					tab.other().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { n = one.Get(s) })
					return n
				}
				if has() != 1 {
					t.Fatal("it reads as no session")
				}
				if w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { c.do(s) }); w.Code != c.status {
					t.Errorf("status %d\n%v", w.Code, s.log)
				}
				if (has() == 0) != c.gone {
					t.Errorf("k00001=%d", has())
				}
			})
		}
	}
}

// TestForeignNames: keys that Go cannot name are kept, in either format.
func TestForeignNames(t *testing.T) {
	for data, kept := range map[string]string{
		"\x83\x07\xa5seven\xa1a\xa3one\x07\xa1x":  "\x07\xa5seven",
		`{"a":"one", "\ud800" : [1], "\ufffd":2}`: `"\ud800":[1],"\ufffd":2`,
	} {
		s := newSite(t, cloakroom.Options{Profile: shared()})
		tab, id := s.plant(data)
		tab.set(b, "2")
		tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Set(s, "two"); b.Delete(s) })
		if got := s.recordOf(id); !strings.Contains(got, kept) || tab.value(a) != "two" {
			t.Errorf("%q became %q", data, got)
		}
	}
}
