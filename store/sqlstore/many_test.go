package sqlstore

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestArrays(t *testing.T) {
	if got, want := texts([]string{`a"b\c`, "", "NULL", "{,}"}), `{"a\"b\\c",NULL,"NULL","{,}"}`; got != want {
		t.Errorf("texts are %s, want %s", got, want)
	}
	if got, want := numbers([]int{1, -20, 300}), "{1,-20,300}"; got != want {
		t.Errorf("numbers are %s, want %s", got, want)
	}
}

// Of several requests for one record, a statement for many performs the first only.
func TestFirstOfEach(t *testing.T) {
	list := []request{{id: "a"}, {id: "b"}, {id: "a"}, {id: "c"}}
	if got := firstOfEach(list); !slices.Equal(got, []int{0, 1, 3}) {
		t.Errorf("the first are %v", got)
	}
}

// The parameters of a statement for many are those of each replacement, in the same order.
func TestReplacements(t *testing.T) {
	record := func(data, owner string, second int) *store.Record {
		return &store.Record{Data: []byte(data), Owner: owner, Expires: time.Date(2026, 1, 2, 3, 4, second, 999, time.UTC)}
	}
	r := replacementsOf(&queries{shape: shape{step: time.Microsecond}}, []request{
		{id: "a", old: record("old", "ann", 1), next: record("newer", "bob", 2)},
		{id: "b", old: record("", "", 3), next: record("x", "", 4)},
	})
	for name, want := range map[string]string{
		"new at": "{1,9}", "new len": "{5,1}", "old at": "{6,10}", "old len": "{3,0}", "owners": `{"bob",NULL}`,
		"expiries": `{"2026-01-02 03:04:02.000000","2026-01-02 03:04:04.000000"}`,
	} {
		if got := r.value(name); got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	if got := string(r.value("blob").([]byte)); got != "neweroldx" {
		t.Errorf("the data are %q", got)
	}
}

// Only errors after which nothing was written let a replacement be done again.
func TestRejected(t *testing.T) {
	s := newTestStore(t, errors.New("no"), Options{Dialect: Postgres})
	for state, want := range map[string]bool{"22001": true, "40P01": true, "42883": true, "53100": true, "": false, "57P01": false, "08006": false, "57014": false, "XX000": false} {
		if got := s.rejected(stateError(state)); got != want {
			t.Errorf("SQLSTATE %q: rejected is %v, want %v", state, got, want)
		}
	}
}

type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

type traceKey struct{}

// A statement for several calls runs within what Options.TraceBatch returns.
func TestTraceBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		traced, ended, within := 0, 0, false
		opts := &Options{TraceBatch: func(
			ctx context.Context, callers []context.Context,
		) (context.Context, func()) {
			traced += len(callers)
			return context.WithValue(ctx, traceKey{}, true), func() { ended++ }
		}}
		q := newBatches(opts, func(context.Context, request) outcome {
			time.Sleep(patience / 2)
			return outcome{}
		}, func(ctx context.Context, list []request) []outcome {
			within = ctx.Value(traceKey{}) != nil
			return make([]outcome, len(list))
		})
		for range q.Idle + 3 {
			go func() {
				if _, err := shared(t.Context(), q, request{}); err != nil {
					t.Error(err)
				}
			}()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if traced != 3 || ended != 1 || !within {
			t.Errorf("traced %d calls and %d ends; within: %v", traced, ended, within)
		}
	})
}
