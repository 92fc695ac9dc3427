package dynamodbstore

import (
	"context"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for rawURL, want := range map[string]place{
		"dynamodb:":            {timeout: time.Second},
		"dynamodb://":          {timeout: time.Second},
		"dynamodb://Sessions/": {timeout: time.Second, opts: Options{Table: "Sessions"}},
		"dynamodb://My_T.a-b?region=eu-central-1&endpoint=http://127.0.0.1:8000&create=true&prefix=a:&profile=p&timeout=3s": {
			create: true, endpoint: "http://127.0.0.1:8000", profile: "p", region: "eu-central-1", timeout: 3 * time.Second,
			opts: Options{Prefix: "a:", Table: "My_T.a-b"},
		},
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(u); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", rawURL, got, err, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	for _, tt := range []struct{ rawURL, want string }{
		{"dynamodb://Sessions", "no region"},
		{"dynamodb://Sessions?regin=x", `unknown parameter "regin"`},
		{"dynamodb://Sessions?create=perhaps", "create"},
		{"dynamodb://AKID:" + secret + "@Sessions", "a user and a password are not supported"},
		{"dynamodb:Sessions", "want dynamodb://TABLE"},
		{"dynamodb://Sessions/other", "want dynamodb://TABLE"},
		{"dynamodb://Sessions#x", "want dynamodb://TABLE"},
		{"dynamodb://Sessions?endpoint=localhost:8000", "parameter endpoint"},
		{"dynamodb://Sessions?endpoint=http://AKID:" + secret + "@localhost", "parameter endpoint"},
		{"dynamodb://Sessions?timeout=soon", "parameter timeout"},
		{"dynamodb://Sessions?timeout=0s", "parameter timeout"},
		{"dynamodb://x?region=eu-central-1", "Options.Table"},
		{"dynamodb://Sessions?region=eu-central-1&profile=none", "profile"},
		{"dynamodb://Sessions?region=eu-central-1&endpoint=http://127.0.0.1:1", "refused"},
		{"dynamodb://Sessions?region=eu-central-1&endpoint=http://127.0.0.1:1&create=true", "refused"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, _, err := Open(ctx, tt.rawURL)
		cancel()
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %q", tt.rawURL, err, tt.want)
		}
	}
}
