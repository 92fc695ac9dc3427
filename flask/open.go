package flask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/storeurl"
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

// StoreURL returns the URL, for [storeurl.Open], of the store that the configuration names: what the field of its type
// holds, with the prefix, folder, table, schema, collection or database of the other settings. It may hold a
// password. A URL that says otherwise than a setting is an error, and so is one that is needed and missing, a prefix
// that is empty where the store cannot have none, and SESSION_SQLALCHEMY_SEQUENCE: on a database where ids come from a sequence,
// make that the default of the table's id column.
func (c Config) StoreURL() (string, error) {
	if err := c.Validate(); err != nil {
		return "", err
	}
	rawURL, err := c.storeURL()
	if err != nil {
		return "", fmt.Errorf("flask: %w", err)
	}
	return rawURL, nil
}

func (c Config) storeURL() (string, error) {
	if c.SessionKeyPrefix == "" && !c.inFiles() {
		return "", fmt.Errorf("SESSION_KEY_PREFIX is empty, which only the types filesystem and cachelib can have: keys of %s are told apart by it", c.SessionType)
	}
	switch strings.ToLower(c.SessionType) {
	case "redis":
		return c.completed("SESSION_REDIS", c.SessionRedis, nil)
	case "memcached":
		return c.completed("SESSION_MEMCACHED", c.SessionMemcached, nil)
	case "filesystem":
		return c.completed("SESSION_FILE_DIR", folderURL(c.SessionFileDir), parameters{{"mode", "0" + strconv.FormatUint(uint64(c.SessionFileMode), 8)}})
	case "cachelib":
		folder := c.SessionCachelib
		if !strings.HasPrefix(folder, "cachelib:") {
			folder = folderURL(folder)
		}
		return c.completed("SESSION_CACHELIB", folder, nil)
	case "mongodb":
		return c.mongoURL()
	case "dynamodb":
		return c.dynamoURL()
	case "postgresql":
		return c.completed("SESSION_POSTGRESQL", c.SessionPostgreSQL, parameters{
			{"layout", "flask_postgres"}, {"schema", c.SessionPostgreSQLSchema}, {"sweep_every", c.sweepEvery()}, {"table", c.SessionPostgreSQLTable},
		})
	}
	if c.SessionSQLAlchemySequence != "" {
		return "", errors.New("SESSION_SQLALCHEMY_SEQUENCE is not supported: make it the default of the table's id column, and leave the setting out here")
	}
	return c.completed("SESSION_SQLALCHEMY", c.SessionSQLAlchemy, parameters{
		{"schema", c.SessionSQLAlchemySchema}, {"sweep_every", c.sweepEvery()}, {"table", c.SessionSQLAlchemyTable},
	})
}

// sweepEvery is SESSION_CLEANUP_N_REQUESTS, empty for never.
func (c Config) sweepEvery() string {
	if c.SessionCleanupNRequests == 0 {
		return ""
	}
	return strconv.Itoa(c.SessionCleanupNRequests)
}

// folderURL returns the URL of a folder of cachelib's, which may be relative.
func folderURL(folder string) string {
	if folder == "" {
		return ""
	}
	u := url.URL{Scheme: "cachelib", Path: folder}
	if !strings.HasPrefix(folder, "/") {
		u = url.URL{Scheme: "cachelib", Opaque: strings.ReplaceAll(url.PathEscape(folder), "%2F", "/")}
	}
	return u.String()
}

// parameters are names and values; an empty value is left out.
type parameters [][2]string

// completed returns a store's URL with parameters and the prefix.
func (c Config) completed(setting, rawURL string, more parameters) (string, error) {
	u, err := parsed(setting, rawURL)
	if err != nil {
		return "", err
	}
	return c.withParameters(setting, u, more)
}

func parsed(setting, rawURL string) (*url.URL, error) {
	if rawURL == "" {
		return nil, fmt.Errorf("%s is not set, and is to be the URL of the store", setting)
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("%s is no URL of a store", setting) // it may hold a password
	}
	return u, nil
}

func (c Config) withParameters(setting string, u *url.URL, more parameters) (string, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", fmt.Errorf("%s has a malformed query", setting)
	}
	for _, p := range append(parameters{{"prefix", c.SessionKeyPrefix}}, more...) {
		name, value := p[0], p[1]
		switch {
		case q.Has(name) && q.Get(name) != value:
			return "", fmt.Errorf("%s has the parameter %s, which another setting decides: leave it out", setting, name)
		case value != "" || name == "prefix" && c.inFiles(): // where empty means none
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// mongoURL names the database in the path. There, MongoDB takes it also for that in which the user is known, unless
// that is told apart.
func (c Config) mongoURL() (string, error) {
	const setting = "SESSION_MONGODB"
	u, err := parsed(setting, c.SessionMongoDB)
	if err != nil {
		return "", err
	}
	more := parameters{{"collection", c.SessionMongoDBCollect}}
	if u.User != nil && !u.Query().Has("authSource") {
		source := strings.TrimPrefix(u.Path, "/")
		if source == "" {
			source = "admin"
		}
		more = append(more, [2]string{"authSource", source})
	}
	u.Path = "/" + c.SessionMongoDBDB
	return c.withParameters(setting, u, more)
}

func (c Config) dynamoURL() (string, error) {
	const setting = "SESSION_DYNAMODB"
	rawURL := c.SessionDynamoDB
	if rawURL == "" {
		rawURL = "dynamodb:"
	}
	u, err := parsed(setting, rawURL)
	switch {
	case err != nil:
		return "", err
	case u.Host != "" && u.Host != c.SessionDynamoDBTable:
		return "", fmt.Errorf("%s names the table %s, and SESSION_DYNAMODB_TABLE is %s", setting, u.Host, c.SessionDynamoDBTable)
	}
	u.Host = c.SessionDynamoDBTable
	return c.withParameters(setting, u, parameters{{"create", strconv.FormatBool(!c.SessionDynamoDBTableExists)}})
}
