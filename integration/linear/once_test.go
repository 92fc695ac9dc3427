package linear

import (
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// open returns a store of its own on the place.
func (b *backend) open(t testing.TB) store.Store {
	t.Helper()
	if b.local != nil {
		return b.local
	}
	store, err := openStore(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestOnce: the answer to every write is lost after the store has applied it. Still each
// Update and UpdateNow is in the record once, and its client knows, on every store.
func TestOnce(t *testing.T) {
	for _, pl := range places {
		t.Run(pl.name, func(t *testing.T) {
			b := pl.start(t)
			store := storetest.NewFaulty(b.open(t))
			site := managerOf(t, store, cloakroom.Options{Now: b.clock})
			run := (&plan{}).begin(nil)
			h := &history{number: 1}
			ask := func(k kind, secret string) (output, string) {
				out, handed, err := run.send(site, input{kind: k}, h, secret, 0)
				if err != nil {
					t.Fatal(err)
				}
				return out, handed
			}
			_, secret := ask(create, "")
			store.Decide = func(op storetest.Op, _ string) storetest.Fault {
				if op == storetest.OpReplace {
					return storetest.Lost()
				}
				return storetest.Fault{}
			}
			const each = 20
			unknown := 0
			for range each {
				for _, k := range []kind{incr, update} {
					if out, _ := ask(k, secret); out.unknown {
						unknown++
					}
				}
			}
			store.Decide = nil
			out, _ := ask(get, secret)
			if n := out.values.N; n > 2*each || n < 2*each-unknown {
				t.Errorf("%d updates, %d of them with an error, made %d", 2*each, unknown, n)
			}
			if unknown > 2 { // a busy machine may take a commit beyond its time
				t.Errorf("%d of %d clients were told that the outcome is unknown", unknown, 2*each)
			}
		})
	}
}
