package cloakotel

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestOutcomes(t *testing.T) {
	seen := map[outcome]bool{}
	for _, tt := range []struct {
		err  error
		want outcome
	}{
		{nil, succeeded},
		{errors.New("no"), other},
		{store.ErrConflict, conflict},
		{store.ErrExists, conflict},
		{store.ErrFull, full},
		{store.ErrTooLarge, tooLarge},
		{store.ErrRefused, refused},
		{store.ErrNotFound, notFound},
		{store.ErrUnreadable, unreadable},
		{cloakroom.ErrEnded, ended},
		{context.Canceled, canceled},
		{context.DeadlineExceeded, timeout},
		{cloakroom.ErrUnknownOutcome, unknownOutcome},
		{errors.Join(cloakroom.ErrUnknownOutcome, context.DeadlineExceeded), unknownOutcome},
		{errors.Join(store.ErrConflict, context.DeadlineExceeded), conflict},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("commit: %w", tt.err)} {
			if tt.err == nil {
				err = nil
			}
			if got := outcomeOf(err); got != tt.want {
				t.Errorf("%v is %q, want %q", err, words[got], words[tt.want])
			}
		}
		seen[tt.want] = true
	}
	for o, word := range words {
		if word == "" || !seen[outcome(o)] {
			t.Errorf("outcome %d, %q, is of no error", o, word)
		}
	}
}

func TestVersion(t *testing.T) {
	self := debug.Module{Path: ScopeName, Version: "v0.1.0"}
	for _, tt := range []struct {
		info debug.BuildInfo
		want string
	}{
		{debug.BuildInfo{}, ""},
		{debug.BuildInfo{Deps: []*debug.Module{{Path: "other", Version: "v1"}, &self}}, "v0.1.0"},
		{debug.BuildInfo{Main: debug.Module{Path: ScopeName, Version: "(devel)"}}, "(devel)"},
		{debug.BuildInfo{Deps: []*debug.Module{
			{Path: ScopeName, Version: "v0.1.0", Replace: &debug.Module{Path: "../"}},
		}}, "(devel)"},
	} {
		if got := versionIn(&tt.info); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
