package flask

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Open opens the store that the configuration names and returns a manager that shares its
// sessions with the Flask application. Close the [io.Closer] when they are no longer
// needed. ctx bounds the opening only.
//
// The store's URL is [Config.StoreURL]. Pass the opener of the package that has the
// store: redisstore, memcachedstore, mongostore, dynamodbstore, cachelibstore for the
// types filesystem and cachelib, or sqlstore for sqlalchemy and postgresql.
func Open(
	ctx context.Context, c Config, openers ...storeurl.Opener,
) (*cloakroom.Manager, io.Closer, error) {
	o, err := c.Options()
	if err != nil {
		return nil, nil, err
	}
	storeURL, err := c.StoreURL()
	if err != nil {
		return nil, nil, err
	}
	store, closer, err := storeurl.Open(ctx, storeURL, openers...)
	if err != nil {
		return nil, nil, fmt.Errorf("flask: SESSION_TYPE %s: %w", c.SessionType, err)
	}
	m, err := cloakroom.New(store, o)
	if err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	return m, closer, nil
}
