package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func newFaulty(t *testing.T) (*storetest.Faulty, *memstore.Store, store.Record) {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := storetest.NewFaulty(s)
	r := store.Record{Data: []byte("one"), Expires: time.Now().Add(time.Hour)}
	v, err := f.Create(t.Context(), "id", r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = v
	return f, s, r
}

func data(t *testing.T, s store.Store) string {
	t.Helper()
	r, err := s.Load(t.Context(), "id")
	if err != nil {
		return err.Error()
	}
	return string(r.Data)
}

func TestFaults(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	special := errors.New("special")
	for _, tt := range []struct {
		name   string
		fault  storetest.Fault
		err    error
		before string // Load before Release
		after  string // Load after it
	}{
		{"none", storetest.Fault{}, nil, "two", "two"},
		{"lost", storetest.Lost(), storetest.ErrInjected, "two", "two"},
		{"failed", storetest.Failed(), storetest.ErrInjected, "one", "one"},
		{"failed with another error", storetest.Failed().Reporting(special), special, "one", "one"},
		{"later", storetest.Later(), storetest.ErrInjected, "one", "two"},
		{"slow, then let through", storetest.Slow(closed), nil, "two", "two"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, s, r := newFaulty(t)
			f.Inject(storetest.OpReplace, tt.fault)
			_, err := f.Replace(t.Context(), "id", r, store.Record{Data: []byte("two"), Expires: r.Expires})
			if !errors.Is(err, tt.err) {
				t.Errorf("Replace: %v, want %v", err, tt.err)
			}
			if got := data(t, s); got != tt.before {
				t.Errorf("before Release: %q, want %q", got, tt.before)
			}
			for _, err := range f.Release() {
				if err != nil {
					t.Errorf("Release: %v", err)
				}
			}
			if got := data(t, s); got != tt.after {
				t.Errorf("after Release: %q, want %q", got, tt.after)
			}
			if f.Left() != 0 {
				t.Errorf("%d faults left", f.Left())
			}
		})
	}
}

func TestSlowEndsWithItsContext(t *testing.T) {
	f, s, r := newFaulty(t)
	f.Inject(storetest.OpDelete, storetest.Slow(nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := f.Delete(ctx, "id", r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Delete: %v", err)
	}
	if got := data(t, s); got != "one" {
		t.Errorf("Delete was applied: %q", got)
	}
}

func TestLaterAfter(t *testing.T) {
	f, s, r := newFaulty(t)
	f.Inject(storetest.OpDelete, storetest.LaterAfter(2))
	if err := f.Delete(t.Context(), "id", r); !errors.Is(err, storetest.ErrInjected) {
		t.Fatal(err)
	}
	if _, err := f.Load(t.Context(), "id"); err != nil {
		t.Errorf("the first call after it: %v", err)
	}
	if _, err := f.Load(t.Context(), "id"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the second call after it: %v", err)
	}
	if got := f.Release(); len(got) != 1 || got[0] != nil {
		t.Errorf("Release: %v", got)
	}
	if got := data(t, s); got != store.ErrNotFound.Error() {
		t.Error(got)
	}
}

func TestLaterMeetsAnotherWrite(t *testing.T) {
	f, s, r := newFaulty(t)
	f.Inject(storetest.OpReplace, storetest.Later())
	f.Replace(t.Context(), "id", r, store.Record{Data: []byte("two"), Expires: r.Expires})
	if _, err := f.Replace(t.Context(), "id", r, store.Record{Data: []byte("three"), Expires: r.Expires}); err != nil {
		t.Fatal(err)
	}
	if got := f.Release(); len(got) != 1 || !errors.Is(got[0], store.ErrConflict) {
		t.Errorf("Release: %v, want the conflict", got)
	}
	if got := data(t, s); got != "three" {
		t.Error(got)
	}
}

func TestDecide(t *testing.T) {
	f, _, r := newFaulty(t)
	f.Decide = func(op storetest.Op, id string) storetest.Fault {
		if op == storetest.OpTouch && id == "id" {
			return storetest.Failed()
		}
		return storetest.Fault{}
	}
	if err := f.Touch(t.Context(), "id", r, r.Expires); !errors.Is(err, storetest.ErrInjected) {
		t.Error(err)
	}
	if _, err := f.Load(t.Context(), "id"); err != nil {
		t.Error(err)
	}
}

// Someone else's write comes first, so this one meets a conflict.
func ExampleBefore() {
	ctx := context.Background()
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer st.Close()
	faulty := storetest.NewFaulty(st)

	r := store.Record{Data: []byte("mine"), Expires: time.Now().Add(time.Hour)}
	r.Version, _ = faulty.Create(ctx, "id", r)
	faulty.Inject(storetest.OpReplace, storetest.Before(func(ctx context.Context) {
		st.Replace(ctx, "id", r, store.Record{Data: []byte("theirs"), Expires: r.Expires})
	}))
	_, err = faulty.Replace(ctx, "id", r, r)
	fmt.Println(errors.Is(err, store.ErrConflict))
	// Output: true
}

// The write is applied, and its answer is lost.
func ExampleLost() {
	ctx := context.Background()
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer st.Close()
	faulty := storetest.NewFaulty(st)
	faulty.Inject(storetest.OpCreate, storetest.Lost())

	_, err = faulty.Create(ctx, "id", store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour)})
	fmt.Println(err)
	loaded, err := st.Load(ctx, "id")
	fmt.Printf("%s %v\n", loaded.Data, err)
	// Output:
	// create: storetest: injected failure
	// x <nil>
}
