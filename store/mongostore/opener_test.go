package mongostore

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		rawURL string
		hosts  string
		check  func(c *options.ClientOptions, o Options) bool
	}{
		{"mongodb:", "localhost", nil},
		{"mongodb://", "localhost", nil},
		{"mongodb://h", "h", func(c *options.ClientOptions, o Options) bool {
			return o.Database == "flask_session" && o.Collection == "sessions" && o.Prefix == "session:" && o.WriteConcern.W == "majority" &&
				o.ReadConcern.Level == "majority" && c.Auth == nil && *c.ServerSelectionTimeout == selectionTimeout && *c.ConnectTimeout == connectTimeout
		}},
		{"mongodb://a:1,b:2,c:3/shop?replicaSet=rs", "a:1 b:2 c:3", func(c *options.ClientOptions, o Options) bool {
			return o.Database == "shop" && *c.ReplicaSet == "rs"
		}},
		{"mongodb://us%3Aer:p%40ss@[::1]:7/?authSource=admin", "[::1]:7", func(c *options.ClientOptions, o Options) bool {
			return c.Auth.Username == "us:er" && c.Auth.Password == "p@ss" && c.Auth.AuthSource == "admin" && o.Database == "flask_session"
		}},
		{"mongodb://u:p@h/shop", "h", func(c *options.ClientOptions, _ Options) bool { return c.Auth.AuthSource == "shop" }},
		{"mongodb://h?collection=c&prefix=x%20y:", "h", func(_ *options.ClientOptions, o Options) bool {
			return o.Collection == "c" && o.Prefix == "x y:"
		}},
		{"mongodb://h/?retryWrites=true&w=majority", "h", func(_ *options.ClientOptions, o Options) bool { return o.WriteConcern.W == "majority" }},
		{"mongodb://h/?W=2&readConcernLevel=local", "h", func(_ *options.ClientOptions, o Options) bool {
			return o.WriteConcern.W == 2 && o.ReadConcern.Level == "local"
		}},
		{"mongodb://h/?journal=true", "h", func(_ *options.ClientOptions, o Options) bool {
			return o.WriteConcern.W == "majority" && *o.WriteConcern.Journal
		}},
		{"mongodb://h/?serverselectiontimeoutms=700&connectTimeoutMS=800&maxPoolSize=7&readPreference=primary", "h", func(c *options.ClientOptions, _ Options) bool {
			return *c.ServerSelectionTimeout == 700*time.Millisecond && *c.ConnectTimeout == 800*time.Millisecond && *c.MaxPoolSize == 7
		}},
		{"mongodb://h/?tls=true", "h", func(c *options.ClientOptions, _ Options) bool {
			return c.TLSConfig != nil && !c.TLSConfig.InsecureSkipVerify
		}},
	} {
		u, err := url.Parse(tt.rawURL)
		if err != nil {
			t.Fatal(err)
		}
		c, o, err := parse(u)
		if err != nil {
			t.Errorf("%s: %v", tt.rawURL, err)
			continue
		}
		if want := strings.Fields(tt.hosts); !slices.Equal(c.Hosts, want) {
			t.Errorf("%s: hosts %q, want %q", tt.rawURL, c.Hosts, want)
		}
		if c.RetryWrites == nil || *c.RetryWrites {
			t.Errorf("%s: the client repeats writes", tt.rawURL)
		}
		if tt.check != nil && !tt.check(c, o) {
			t.Errorf("%s: %+v, %+v", tt.rawURL, c, o)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ rawURL, want string }{
		{"mongodb://h?collections=x", `unknown parameter "collections"`},
		{"mongodb://h?retrywrite=true", `unknown parameter "retrywrite"`},
		{"mongodb://h?collection=a&collection=b", "collection is there 2 times"},
		{"mongodb://h?collection=a$b", "Options.Collection"},
		{"mongodb://h?prefix=%00", "Options.Prefix"},
		{"mongodb://h/a/b", `database is "a/b"`},
		{"mongodb://h/a.b", "Options.Database"},
		{"mongodb://h/?w=0", "Options.WriteConcern"},
		{"mongodb://h/?w=1&readConcernLevel=majority", "Options.ReadConcern"},
		{"mongodb://h/?readPreference=secondary", "readPreference is secondary"},
		{"mongodb://h/?readPreference=no", "read preference"},
		{"mongodb://h/?maxPoolSize=x", "maxpoolsize"},
		{"mongodb://h/?tlsCAFile=/nowhere/ca.pem", "ca.pem"},
		{"mongodb://h#x", "want mongodb://"},
		{"mongodb:h", "want mongodb://"},
		{"mongodb://u:hunter2@/db", "want mongodb://"},
		{"mongodb://u:hunter2@h/?authMechanism=none", "auth mechanism"},
		{"mongodb://u:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=300", "refused"},
		{"mongodb://u:hun%2Fter2@127.0.0.1:1/?serverSelectionTimeoutMS=300", "refused"},
		{"mongodb://u@h/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:hunter2,x", ""},
	} {
		s, closer, err := Open(t.Context(), tt.rawURL)
		if err == nil || s != nil || closer != nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tt.want)) {
			t.Errorf("%s: %v, want an error with %q", tt.rawURL, err, tt.want)
			continue
		}
		if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "hun/ter2") || strings.Contains(text, "hun%2Fter2") {
			t.Errorf("%s: the error has the password: %v", tt.rawURL, err)
		}
	}
}
