package sqlstore

import (
	"errors"
	"slices"
	"testing"
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
