package cloakroom_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// eachMove runs a test with a store that moves records in one step, and with one that
// does not.
func eachMove(t *testing.T, run func(t *testing.T, s *site)) {
	for _, noMove := range []bool{false, true} {
		t.Run(map[bool]string{false: "atomic", true: "sealed first"}[noMove], func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			if noMove {
				s.withoutMove()
			}
			run(t, s)
		})
	}
}

// live returns which of these browsers have a session.
func live(tabs []*browser) (alive []*browser) {
	for _, tab := range tabs {
		if tab.owner() != "" {
			alive = append(alive, tab)
		}
	}
	return alive
}

// TestDoubleSignIn: two sign-ins at once with one ticket, as by a double click, end in
// one session, under the ticket of the later one, with what either of them changed.
func TestDoubleSignIn(t *testing.T) {
	signIn := func(k cloakroom.Key[string]) handlerFunc {
		return func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			k.Set(s, "set")
			if err := s.Login("ann"); err != nil {
				t.Error(err)
			}
		}
	}
	cart := cloakroom.Key[string]("cart")
	for _, owned := range []bool{false, true} {
		eachMove(t, func(t *testing.T, s *site) {
			tab := s.browser()
			tab.set(cart, "apples")
			if owned {
				tab.login("ann")
			}
			tabs := []*browser{tab.other(), tab.other(), tab.other()}
			var resume []func() int
			for i, k := range []cloakroom.Key[string]{"one", "two", "three"} {
				finish := tabs[i].begin(getting(cart), signIn(k))
				resume = append(resume, func() int { return finish().Code })
			}
			for i, finish := range resume {
				if status := finish(); status != 200 {
					t.Errorf("sign-in %d: status %d\n%v", i, status, s.log)
				}
			}
			alive := live(tabs)
			if len(alive) != 1 || alive[0] != tabs[2] || len(s.owned("ann")) != 1 {
				t.Fatalf("%d browsers signed in, %d sessions", len(alive), len(s.owned("ann")))
			}
			for _, k := range []cloakroom.Key[string]{cart, "one", "two", "three"} {
				if alive[0].value(k) == "" {
					t.Errorf("%s is lost", k)
				}
			}
			if s.log.count("ticket") > 0 {
				t.Error(s.log)
			}
		})
	}
}

// TestLateSignIn: a sign-in with a ticket that was replaced before it began joins too,
// with what is set after it: there was no session to read before.
func TestLateSignIn(t *testing.T) {
	eachMove(t, func(t *testing.T, s *site) {
		tab := s.browser()
		tab.set(a, "cart")
		late := tab.other()
		tab.login("ann")
		late.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			b.Set(s, "dropped")
			s.Login("ann")
			name.Set(s, "after")
		})
		if late.value(a) != "cart" || late.value(b) != "" || late.value(name) != "after" || tab.owner() != "" || len(s.owned("ann")) != 1 {
			t.Errorf("a=%q b=%q name=%q, the former ticket has %q, %d sessions", late.value(a), late.value(b), late.value(name), tab.owner(), len(s.owned("ann")))
		}
	})
}

// TestJoinsNobodyElse: a sign-in joins no session of another owner, and none that has ended.
func TestJoinsNobodyElse(t *testing.T) {
	for what, end := range map[string]func(s *site, tab *browser){
		"another owner": func(_ *site, tab *browser) { tab.login("bob") },
		"signed out": func(_ *site, tab *browser) {
			tab.login("ann")
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
		},
		"revoked": func(s *site, tab *browser) {
			tab.login("ann")
			if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
				t.Error(err)
			}
		},
		"signed out by the former ticket": func(_ *site, tab *browser) {
			former := tab.other()
			tab.login("ann")
			former.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
		},
		"after the seal": func(s *site, tab *browser) {
			tab.login("ann")
			s.clock.advance(2 * time.Minute)
		},
	} {
		t.Run(what, func(t *testing.T) {
			eachMove(t, func(t *testing.T, s *site) {
				tab := s.browser()
				tab.set(a, "cart")
				late := tab.other()
				slow := tab.other()
				finish := slow.begin(getting(a), func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("ann") })
				end(s, tab)
				before := tab.owner()
				late.login("ann")
				if w := finish(); w.Code != 200 {
					t.Errorf("status %d", w.Code)
				}
				if late.value(a) != "" || slow.value(a) != "" {
					t.Errorf("a=%q, a=%q in sessions that began afresh", late.value(a), slow.value(a))
				}
				if tab.owner() != before {
					t.Errorf("the session of %q is now that of %q", before, tab.owner())
				}
			})
		})
	}
}

// TestJoinAfterLostAnswers: the answer to any one write of either sign-in may be lost.
func TestJoinAfterLostAnswers(t *testing.T) {
	eachMove(t, func(t *testing.T, s *site) {
		for lost := range 8 {
			tab := s.browser()
			tab.set(a, "cart")
			one, two := tab.other(), tab.other()
			signIn := func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("ann") }
			first, second := one.begin(getting(a), signIn), two.begin(getting(a), signIn)
			n := 0
			s.store.intercept(func(op, _ string, do func() error) error {
				err := do()
				if slices.Contains([]string{"create", "replace", "move"}, op) {
					if n++; n == lost+1 && err == nil {
						return errors.New("the answer was lost")
					}
				}
				return err
			})
			codes := []int{first().Code, second().Code}
			s.store.intercept(nil)
			alive := live([]*browser{one, two})
			if len(alive) > 1 || slices.Equal(codes, []int{200, 200}) && (len(alive) != 1 || alive[0].value(a) != "cart") {
				t.Errorf("answer %d lost: %d, %d live", lost, codes, len(alive))
			}
			if n := len(s.owned("ann")); n > 1 {
				t.Errorf("answer %d lost: %d sessions", lost, n)
			}
			if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil && !strings.Contains(err.Error(), "passes") {
				t.Error(err)
			}
		}
	})
}

// TestJoinBringsNothingOfAnother: a sign-in that joins takes nothing along that was set
// before it while the session belonged to another owner.
func TestJoinBringsNothingOfAnother(t *testing.T) {
	eachMove(t, func(t *testing.T, s *site) {
		tab := s.browser()
		tab.set(a, "cart")
		tab.login("bob")
		one, two := tab.other(), tab.other()
		finish := two.begin(getting(a), func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			b.Set(s, "bob's")
			s.Login("ann")
			name.Set(s, "ann's")
		})
		one.login("ann")
		if w := finish(); w.Code != 200 {
			t.Fatalf("status %d\n%v", w.Code, s.log)
		}
		if two.owner() != "ann" || one.owner() != "" || two.value(a) != "" || two.value(b) != "" || two.value(name) != "ann's" {
			t.Errorf("%q has a=%q b=%q name=%q", two.owner(), two.value(a), two.value(b), two.value(name))
		}
	})
}

// TestSignInAfterDroppedChange: a sign-in joins also where the handler was told before
// that the session has ended.
func TestSignInAfterDroppedChange(t *testing.T) {
	for what, before := range map[string]func(*cloakroom.Session){
		"Save":      func(s *cloakroom.Session) { a.Set(s, "dropped"); s.Save() },
		"UpdateNow": func(s *cloakroom.Session) { a.UpdateNow(s, func(string) string { return "dropped" }) },
		"Reload":    func(s *cloakroom.Session) { s.Reload() },
	} {
		for _, loaded := range []bool{false, true} {
			t.Run(what, func(t *testing.T) {
				eachMove(t, func(t *testing.T, s *site) {
					tab := s.browser()
					tab.set(a, "cart")
					late := tab.other()
					finish := late.begin(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
						if loaded {
							a.Get(s)
						}
					}, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
						before(s)
						s.Login("ann")
						name.Set(s, "after")
					})
					tab.login("ann")
					if w := finish(); w.Code != 200 {
						t.Fatalf("status %d\n%v", w.Code, s.log)
					}
					if late.value(a) != "cart" || late.value(name) != "after" || len(s.owned("ann")) != 1 {
						t.Errorf("loaded before: %v: a=%q name=%q, %d sessions", loaded, late.value(a), late.value(name), len(s.owned("ann")))
					}
				})
			})
		}
	}
}

// TestSignInThatRevokesOthers: the second of two sign-ins that revoke all other
// sessions spares the one that it joins.
func TestSignInThatRevokesOthers(t *testing.T) {
	for _, loaded := range []bool{false, true} {
		eachMove(t, func(t *testing.T, s *site) {
			signIn := func(_ http.ResponseWriter, r *http.Request, session *cloakroom.Session) {
				session.Login("ann")
				if _, err := s.m.RevokeOthers(r.Context(), session); err != nil {
					t.Error(err)
				}
			}
			tab := s.browser()
			tab.set(a, "cart")
			late := tab.other()
			finish := late.begin(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				if loaded {
					a.Get(s)
				}
			}, signIn)
			tab.do(signIn)
			if w := finish(); w.Code != 200 {
				t.Fatalf("status %d\n%v", w.Code, s.log)
			}
			if late.value(a) != "cart" || len(s.owned("ann")) != 1 {
				t.Errorf("loaded before: %v: a=%q, %d sessions", loaded, late.value(a), len(s.owned("ann")))
			}
		})
	}
}

// TestJoinLoadFails: where the session to be joined cannot be looked at, the sign-in
// fails: it begins no second one.
func TestJoinLoadFails(t *testing.T) {
	for what, failure := range map[string]error{"broken": errors.New("broken"), "refused": cloakroom.ErrRefused} {
		for _, owned := range []bool{false, true} {
			t.Run(what, func(t *testing.T) {
				eachMove(t, func(t *testing.T, s *site) {
					tab := s.browser()
					tab.set(a, "cart")
					if owned {
						tab.login("ann")
					}
					late := tab.other()
					finish := late.begin(getting(a), func(_ http.ResponseWriter, r *http.Request, session *cloakroom.Session) {
						session.Login("ann")
						if err := session.Save(); !errors.Is(err, failure) || errors.Is(err, cloakroom.ErrEnded) {
							t.Error(err)
						}
					})
					former := ""
					s.store.intercept(func(_, id string, do func() error) error { former = id; return do() })
					late.other().value(a)
					s.store.intercept(nil)
					tab.login("ann")
					loads := 0
					s.store.intercept(func(op, id string, do func() error) error {
						if op == "load" && id != former {
							loads++
							return failure
						}
						return do()
					})
					w := finish()
					s.store.intercept(nil)
					if w.Code != 503 || len(s.owned("ann")) != 1 || what == "refused" && loads > 1 {
						t.Errorf("owned: %v, status %d, %d sessions, %d loads", owned, w.Code, len(s.owned("ann")), loads)
					}
				})
			})
		}
	}
}
