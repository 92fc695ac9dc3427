package linear

import (
	"context"
	"errors"

	"github.com/cloakroom-go/cloakroom"
)

// Stores with one bug each, for the checker to find.

// lastWins replaces whatever is there: lost updates.
type lastWins struct{ cloakroom.FullStore }

func (s lastWins) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	for {
		v, err := s.FullStore.Replace(ctx, id, old, new)
		if !errors.Is(err, cloakroom.ErrConflict) {
			return v, err
		}
		if old, err = s.Load(ctx, id); err != nil {
			return "", err
		}
	}
}

// resurrecting creates a record again that was deleted before it could be replaced.
type resurrecting struct{ cloakroom.FullStore }

func (s resurrecting) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	v, err := s.FullStore.Replace(ctx, id, old, new)
	if errors.Is(err, cloakroom.ErrNotFound) {
		return s.Create(ctx, id, new)
	}
	return v, err
}

// copying leaves the old record alive when it is moved: a ticket that survives the sign-in.
type copying struct{ cloakroom.FullStore }

func (s copying) Move(ctx context.Context, id string, old, _ cloakroom.Record, newID string, new cloakroom.Record) (cloakroom.Version, error) {
	return s.Create(ctx, newID, new)
}

// unlisted forgets owners, so that revoking finds nothing.
type unlisted struct{ cloakroom.FullStore }

func (s unlisted) Owned(context.Context, string, string, int) ([]cloakroom.Entry, string, error) {
	return nil, "", nil
}

// undeleting acknowledges deletions and makes none.
type undeleting struct{ cloakroom.FullStore }

func (undeleting) Delete(context.Context, string, cloakroom.Record) error { return nil }
