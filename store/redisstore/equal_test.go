package redisstore

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

// When a server that is full refuses SET with IFEQ, what is there decides: a record that is not old
// is a conflict, whether there was room or not.
func TestSetIfEqualRefused(t *testing.T) {
	old, next := hourRecord("old", ""), hourRecord("new", "")
	for _, tt := range []struct {
		name, there string
		want        error
	}{
		{"old", answerBulk("old"), store.ErrFull},
		{"another", answerBulk("other"), store.ErrConflict},
		{"none", answerNull, store.ErrNotFound},
	} {
		s, _ := newFakeStore(t, Options{}, func(words []string) string {
			switch {
			case words[0] == "GET":
				return tt.there
			case words[1] == "session:compares\x00":
				return answerNull // it has the command
			}
			return answerError("OOM command not allowed when used memory > 'maxmemory'.")
		})
		if _, err := s.Replace(t.Context(), "id", old, next); !errors.Is(err, tt.want) {
			t.Errorf("%s is there: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// Without a refusal, SET with IFEQ says by itself that old is not there.
func TestSetIfEqual(t *testing.T) {
	old, next := hourRecord("old", ""), hourRecord("new", "")
	for _, tt := range []struct {
		answer, there string
		want          error
	}{
		{answerOK, answerBulk("new"), nil},
		{answerNull, answerBulk("old"), store.ErrConflict}, // it was another when it was compared
		{answerNull, answerNull, store.ErrNotFound},
	} {
		s, _ := newFakeStore(t, Options{}, func(words []string) string {
			switch {
			case words[0] == "GET":
				return tt.there
			case words[1] == "session:compares\x00":
				return answerNull
			}
			return tt.answer
		})
		if _, err := s.Replace(t.Context(), "id", old, next); !errors.Is(err, tt.want) {
			t.Errorf("%q, %q: %v, want %v", tt.answer, tt.there, err, tt.want)
		}
	}
}
