// Package cloakroomtest is for an application's own tests of its handlers: sessions in memory,
// by a clock that the test moves, and clients that are signed in.
//
//	func TestCart(t *testing.T) {
//		st := cloakroomtest.NewStore()
//		sessions := st.Manager(t, cloakroom.Options{})
//		shop := newShop(sessions) // the handler under test
//
//		ann := cloakroomtest.NewClient(t, sessions, "ann")
//		w := ann.Do(shop, httptest.NewRequest("POST", "/cart?item=hat", nil))
//		if got := cart.Get(ann.Session(t)); w.Code != http.StatusOK || len(got) != 1 {
//			t.Error(w.Code, got)
//		}
//	}
//
// What fails is told to the test, in a sentence that never shows a ticket. docs/testing.md has
// more.
package cloakroomtest
