package cloakroom_test

import (
	"testing"
	"unsafe"

	"github.com/cloakroom-go/cloakroom"
)

// lend returns a string in memory that is used again when the returned function is called.
func lend(text string) (lent string, reuse func()) {
	b := []byte(text)
	return unsafe.String(&b[0], len(b)), func() {
		for i := range b {
			b[i] = '#'
		}
	}
}

// TestLent: what is set in a session of lent strings does not change with them before the
// commit.
func TestLent(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	x := s.m.OpenWith(t.Context(), cloakroom.Visit{Lent: true})
	defer x.Close()
	for _, use := range []func(string){
		func(v string) { a.Set(x, v) },
		func(v string) { cloakroom.Key[string](v).Set(x, "set") },
		func(v string) { x.Flash(v, v) },
		func(v string) { x.Login(v) },
	} {
		lent, reuse := lend("lent")
		use(lent)
		reuse()
	}
	lent, reuse := lend("updated")
	cloakroom.Key[string](lent).Update(x, func(string) string { return "made" })
	reuse()
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	y := s.m.Open(t.Context(), x.Cookie().Value)
	defer y.Close()
	got := []string{a.Get(y), y.Owner(), cloakroom.Key[string]("lent").Get(y), cloakroom.Key[string]("updated").Get(y)}
	for i, want := range []string{"lent", "lent", "set", "made"} {
		if got[i] != want {
			t.Errorf("%d: %q, want %q", i, got[i], want)
		}
	}
	if f := y.Flashes(); len(f) != 1 || f[0].Category != "lent" || f[0].Message != "lent" {
		t.Errorf("flash messages %q", f)
	}
}
