package mongostore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Settings of a client that is opened by URL, unless the URL says otherwise.
const (
	// selectionTimeout bounds the wait for a server that takes writes, as the context does.
	selectionTimeout = 3 * time.Second

	connectTimeout = 2 * time.Second // of one connection, with its handshake

	// heartbeat is how often the client checks the servers, to notice soon that one is back. While
	// a call waits for a server, it checks twice a second.
	heartbeat = 2 * time.Second

	// closeTimeout bounds the wait for calls that are under way when the store is closed.
	closeTimeout = 5 * time.Second
)

// Opener opens MongoDB URLs for [storeurl.Open]: connection strings as everywhere,
// mongodb: and mongodb+srv:.
//
//	mongodb://[user:password@]host[:port][,host[:port]...][/database][?options]
//	mongodb+srv://[user:password@]name[/database][?options]
//
// The database is [Options.Database]. The user is looked for there, too, unless authSource says
// where.
//
// Options are those of connection strings, such as replicaSet, tls, tlsCAFile,
// authSource and w, and
//
//   - collection=NAME: [Options.Collection];
//   - create=never: a missing collection is [storeurl.ErrNoStore]. Otherwise the first write makes
//     it;
//   - prefix=TEXT: [Options.Prefix].
//
// w, journal and readConcernLevel replace the majority concerns. readPreference must be
// primary. The client never repeats a write by itself, whatever retryWrites says.
// Unless told otherwise, it gives up connecting after two seconds and waiting for a
// server after three.
//
// Opening fails when no primary answers.
func Opener() storeurl.Opener {
	return storeurl.Opener{
		Open: func(ctx context.Context, u *url.URL) (store.Store, io.Closer, error) {
			return openURL(ctx, u)
		},
		Schemes: []string{"mongodb", "mongodb+srv"},
	}
}

// Open opens a store by URL, in the forms of [Opener]. Close the [io.Closer] when the store is not
// needed any more. ctx bounds the opening only. No error contains a password.
func Open(ctx context.Context, rawURL string) (*Store, io.Closer, error) {
	store, closer, err := storeurl.Open(ctx, rawURL, Opener())
	if err != nil {
		return nil, nil, err
	}
	return store.(*Store), closer, nil
}

func openURL(ctx context.Context, u *url.URL) (*Store, io.Closer, error) {
	conn, opts, err := parse(u)
	if err != nil {
		return nil, nil, err
	}
	conns := new(connections)
	client, err := mongo.Connect(conn.SetDialer(conns))
	if err != nil {
		return nil, nil, err
	}
	closer := closer{client}
	if err := client.Ping(ctx, readpref.Primary()); err != nil {
		_ = closer.Close()
		return nil, nil, err
	}
	store, err := New(client, opts)
	if err == nil && u.Query().Get("create") == never && !store.isThere(ctx) {
		err = fmt.Errorf("%w: there is no collection %s", storeurl.ErrNoStore, store.coll.Name())
	}
	if err != nil {
		_ = closer.Close()
		return nil, nil, err
	}
	store.conns = conns
	return store, closer, nil
}

// isThere reports whether the collection is there, or may be because the right to ask is missing.
func (s *Store) isThere(ctx context.Context) bool {
	ours := bson.D{{Key: "name", Value: s.coll.Name()}}
	names, err := s.coll.Database().ListCollectionNames(ctx, ours)
	return err != nil || len(names) > 0
}

// never is the value of the parameter create if the collection must be there.
const never = "never"

type closer struct{ client *mongo.Client }

func (c closer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.client.Disconnect(ctx)
}

// parse reads a URL. Every error names what is wrong.
func parse(u *url.URL) (*options.ClientOptions, Options, error) {
	var opts Options
	if u.Opaque != "" || u.Fragment != "" || u.Host == "" && u.User != nil {
		return nil, opts, errors.New("want mongodb://host:port/database?options")
	}
	theirs, q, err := split(u)
	if err != nil {
		return nil, opts, err
	}
	opts.Collection = q.String("collection", "")
	_ = q.OneOf("create", "auto", never) // see openURL
	opts.Prefix = q.String("prefix", "")
	if err := q.Err(); err != nil {
		return nil, opts, fmt.Errorf("%w, and the options of MongoDB's connection strings", err)
	}
	if opts.Database = strings.TrimPrefix(u.Path, "/"); strings.Contains(opts.Database, "/") {
		return nil, opts, fmt.Errorf("the database is %q: it must be a name", opts.Database)
	}
	plain := *u
	plain.RawQuery = theirs.Encode()
	if plain.Host == "" {
		plain.Host = "localhost"
	}
	if plain.Path == "" {
		plain.Path = "/"
	}
	conn := options.Client().SetAppName("cloakroom").SetConnectTimeout(connectTimeout).
		SetHeartbeatInterval(heartbeat).SetServerSelectionTimeout(selectionTimeout).
		ApplyURI(plain.String())
	conn.SetRetryWrites(false)
	if err := conn.Validate(); err != nil {
		return nil, opts, err
	}
	if p := conn.ReadPreference; p != nil && p.Mode() != readpref.PrimaryMode {
		const text = "readPreference is %v: sessions are read from the primary only"
		return nil, opts, fmt.Errorf(text, p.Mode())
	}
	opts.ReadConcern, opts.WriteConcern = conn.ReadConcern, conn.WriteConcern
	if w := conn.WriteConcern; w != nil && w.W == nil {
		opts.WriteConcern = &writeconcern.WriteConcern{
			W: writeconcern.WCMajority, Journal: w.Journal,
		}
	}
	return conn, opts, opts.fill()
}

// split divides a URL's parameters into the driver's, whose names are the same in any case, and the
// store's, so that an unknown one is an error, which the driver does not make of it.
func split(u *url.URL) (url.Values, *storeurl.Query, error) {
	all, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, nil, errors.New("the query is malformed")
	}
	theirs, ours := url.Values{}, url.Values{}
	for name, values := range all {
		if slices.Contains(driverOptions, strings.ToLower(name)) {
			theirs[name] = values
		} else {
			ours[name] = values
		}
	}
	return theirs, storeurl.NewQuery(&url.URL{RawQuery: ours.Encode()}), nil
}

// driverOptions are the options of connection strings that the driver knows, in lower case.
var driverOptions = []string{
	"appname", "authmechanism", "authmechanismproperties", "authsource", "compressors", "connect",
	"connecttimeoutms", "directconnection", "enableoverloadretargeting", "heartbeatfrequencyms",
	"heartbeatintervalms", "journal", "loadbalanced", "localthresholdms", "maxadaptiveretries",
	"maxconnecting", "maxidletimems", "maxpoolsize", "maxstaleness", "maxstalenessseconds",
	"minpoolsize", "readconcernlevel", "readpreference", "readpreferencetags", "replicaset",
	"retryreads", "retrywrites", "servermonitoringmode", "serverselectiontimeoutms",
	"sockettimeoutms", "srvmaxhosts", "srvservicename", "ssl", "sslcertificateauthorityfile",
	"sslclientcertificatekeyfile", "sslclientcertificatekeypassword", "sslinsecure", "timeoutms",
	"tls", "tlscafile", "tlscertificatefile", "tlscertificatekeyfile",
	"tlscertificatekeyfilepassword", "tlsdisablecertificaterevocationcheck",
	"tlsdisableocspendpointcheck", "tlsinsecure", "tlsprivatekeyfile", "w",
	"zlibcompressionlevel", "zstdcompressionlevel",
}
