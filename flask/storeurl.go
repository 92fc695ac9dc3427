package flask

import (
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// StoreURL returns the URL, for [storeurl.Open], of the store that the configuration
// names: the field of its type, completed by the settings for prefix, folder, table,
// schema, collection or database. It may hold a password.
//
// These are errors: a URL that contradicts a setting, is missing, or is for another kind
// of store than SessionType; an empty prefix where the store needs one; and
// SESSION_SQLALCHEMY_SEQUENCE. Where ids come from a sequence, make it the default of the
// table's id column.
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
		return "", fmt.Errorf("SESSION_KEY_PREFIX is empty: want one, since SESSION_TYPE %s "+
			"tells keys apart by it", c.SessionType)
	}
	switch strings.ToLower(c.SessionType) {
	case "redis":
		return c.completed("SESSION_REDIS", c.SessionRedis, nil)
	case "memcached":
		return c.completed("SESSION_MEMCACHED", c.SessionMemcached, nil)
	case "filesystem", "cachelib":
		return c.filesURL()
	case "mongodb":
		return c.mongoURL()
	case "dynamodb":
		return c.dynamoURL()
	case "postgresql":
		return c.databaseURL("SESSION_POSTGRESQL", c.SessionPostgreSQL, parameters{
			{"layout", layoutPostgres}, {"schema", c.SessionPostgreSQLSchema},
			{"sweep_every", c.sweepEvery()}, {"table", c.SessionPostgreSQLTable},
		})
	}
	return c.sqlAlchemyURL()
}

// layoutPostgres is what sqlstore's URLs call the table of the type postgresql.
const layoutPostgres = "flask_postgres"

// sweepEvery returns SESSION_CLEANUP_N_REQUESTS, or "" for never.
func (c Config) sweepEvery() string {
	if c.SessionCleanupNRequests == 0 {
		return ""
	}
	return strconv.Itoa(c.SessionCleanupNRequests)
}

// filesURL returns the URL of the folder of the types filesystem and cachelib.
func (c Config) filesURL() (string, error) {
	setting, folder := "SESSION_FILE_DIR", c.SessionFileDir
	more := parameters{{"mode", fileMode(c.SessionFileMode)}}
	if c.isType("cachelib") {
		setting, folder, more = "SESSION_CACHELIB", c.SessionCachelib, nil
	}
	// The profile turns pickles into documents and back.
	more = append(more, [2]string{"pickles", "on"})
	if c.CloakroomCachelibHash != "detect" {
		more = append(more, [2]string{"hash", c.CloakroomCachelibHash})
	}
	rawURL, err := folderURL(setting, folder)
	if err != nil {
		return "", err
	}
	return c.completed(setting, rawURL, more)
}

func fileMode(mode fs.FileMode) string { return "0" + strconv.FormatUint(uint64(mode), 8) }

// folderURL returns the URL of the folder of cachelib that a setting names, by a path or
// by a URL.
func folderURL(setting, folder string) (string, error) {
	scheme, rest, isURL := strings.Cut(folder, ":")
	switch {
	case folder == "":
		return "", nil
	case isURL && (scheme == "cachelib" || scheme == "file"):
		return "cachelib:" + rest, nil
	case isURL && isScheme(scheme):
		return "", fmt.Errorf("%s is a URL of %s:, want the folder of cachelib's FileSystemCache: "+
			"as ./%[2]s:... if it is called so", setting, scheme)
	}
	u := url.URL{Scheme: "cachelib", Path: folder}
	if !strings.HasPrefix(folder, "/") {
		u = url.URL{Scheme: "cachelib", Opaque: relativePath(folder)}
	}
	return u.String(), nil
}

// isScheme reports whether text may be the scheme of a URL. A single letter is a drive of
// Windows.
func isScheme(text string) bool {
	u, err := url.Parse(text + ":x")
	return err == nil && len(text) > 1 && strings.EqualFold(u.Scheme, text)
}

// parameters are names and values; an empty value is left out.
type parameters [][2]string

// completed returns a store's URL with the prefix and more parameters.
func (c Config) completed(setting, rawURL string, more parameters) (string, error) {
	u, err := c.parsed(setting, rawURL)
	if err != nil {
		return "", err
	}
	return c.withParameters(setting, u, more)
}

// parsed returns the URL that a setting holds, if its scheme fits SessionType.
func (c Config) parsed(setting, rawURL string) (*url.URL, error) {
	if rawURL == "" {
		return nil, fmt.Errorf("%s is not set: want the URL of the store", setting)
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("%s is no URL of a store", setting) // it may hold a password
	}
	return u, c.checkScheme(setting, u.Scheme)
}

// schemes lists, by type, the schemes of URLs.
var schemes = map[string][]string{
	"redis":      {"redis", "rediss", "redis+unix", "unix", "valkey", "valkeys"},
	"memcached":  {"memcached"},
	"filesystem": {"cachelib"},
	"cachelib":   {"cachelib"},
	"mongodb":    {"mongodb", "mongodb+srv"},
	"sqlalchemy": {"sqlite", "postgres", "postgresql", "mysql", "mariadb"},
	"dynamodb":   {"dynamodb"},
	"postgresql": {"postgres", "postgresql"},
}

func (c Config) checkScheme(setting, scheme string) error {
	if known := schemes[strings.ToLower(c.SessionType)]; !slices.Contains(known, scheme) {
		return fmt.Errorf("%s is a URL of %s:, and SESSION_TYPE is %s: want one of %s",
			setting, scheme, c.SessionType, strings.Join(known, ":, ")+":")
	}
	return nil
}

func (c Config) withParameters(setting string, u *url.URL, more parameters) (string, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", fmt.Errorf("%s has a malformed query", setting)
	}
	for _, p := range append(parameters{{"prefix", c.SessionKeyPrefix}}, more...) {
		name, value := p[0], p[1]
		isPrefix := name == "prefix" // an empty prefix is one too
		switch {
		case value == "" && !isPrefix: // the setting says nothing
		case q.Has(name) && q.Get(name) != value:
			return "", fmt.Errorf("%s has the parameter %s, "+
				"which another setting decides: leave it out", setting, name)
		default:
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// mongoURL puts the database into the path. MongoDB would look the user up in that
// database too, so authSource says which one it was.
func (c Config) mongoURL() (string, error) {
	const setting = "SESSION_MONGODB"
	u, err := c.parsed(setting, c.SessionMongoDB)
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
	u, err := c.parsed(setting, rawURL)
	switch {
	case err != nil:
		return "", err
	case u.Host != "" && u.Host != c.SessionDynamoDBTable:
		return "", fmt.Errorf("%s names the table %s, and SESSION_DYNAMODB_TABLE is %s",
			setting, u.Host, c.SessionDynamoDBTable)
	}
	u.Host = c.SessionDynamoDBTable
	create := strconv.FormatBool(!c.SessionDynamoDBTableExists)
	return c.withParameters(setting, u, parameters{{"create", create}})
}
