package flask

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Open opens the store that the configuration names, with the opener of its scheme, and returns a manager that shares
// its sessions with the Flask application. Close the [io.Closer] when they are not needed any more. ctx bounds the
// opening only.
//
// The URL is the field of the type, such as SessionRedis, completed as [Config.StoreURL] says. Its opener is that of the
// package that has the store: redisstore, memcachedstore, cachelibstore for the types filesystem and cachelib,
// mongostore, sqlstore for sqlalchemy and postgresql, and dynamodbstore.
func Open(ctx context.Context, c Config, openers ...storeurl.Opener) (*cloakroom.Manager, io.Closer, error) {
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
