package dynamodbstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cloakroom-go/cloakroom/store"
)

func credentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret, SessionToken: secret}, nil
}

func TestNewErrors(t *testing.T) {
	client := dynamodb.New(dynamodb.Options{Region: "eu-central-1"})
	for _, tt := range []struct {
		client *dynamodb.Client
		opts   Options
		want   string
	}{
		{nil, Options{}, "client is nil"},
		{client, Options{Prefix: strings.Repeat("p", 1001)}, "Options.Prefix is \"ppp"},
		{client, Options{Prefix: "a\xff"}, `Options.Prefix is "a\xff"`},
		{client, Options{Table: "ab"}, `Options.Table is "ab"`},
		{client, Options{Table: "a b c"}, "Options.Table"},
		{client, Options{Table: "tä-ble"}, "Options.Table"},
		{client, Options{Table: strings.Repeat("t", 256)}, "Options.Table"},
		{client, Options{Table: "arn:aws:s3:::bucket"}, "Options.Table"},
	} {
		if s, err := New(tt.client, tt.opts); err == nil || s != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want an error with %q", tt.opts, err, tt.want)
		}
	}
	for _, opts := range []Options{{}, {Table: "a.b"}, {Table: "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/My_Sessions"}} {
		if _, err := New(client, opts); err != nil {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

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

func soon() store.Record {
	return store.Record{Data: []byte("data"), Expires: time.Now().Add(time.Hour)}
}

// writes are all calls that write, by the operation that they send.
func writes(s *Store) map[string]func(ctx context.Context) error {
	r := soon()
	r.Version = version(r.Data)
	return map[string]func(ctx context.Context) error{
		"PutItem":    func(ctx context.Context) error { _, err := s.Create(ctx, "id", soon()); return err },
		"UpdateItem": func(ctx context.Context) error { _, err := s.Replace(ctx, "id", r, soon()); return err },
		"DeleteItem": func(ctx context.Context) error { return s.Delete(ctx, "id", r) },
		"TransactWriteItems": func(ctx context.Context) error {
			_, err := s.Move(ctx, "id", r, soon(), "new", soon())
			return err
		},
	}
}

// A write whose outcome is unknown is sent once, whatever the client is set to.
func TestWritesAreNotRepeated(t *testing.T) {
	s, server := scripted(t)
	for operation, write := range writes(s) {
		for name, answer := range map[string]reply{
			"the connection breaks": broken,
			"500":                   {500, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`},
			"503":                   {503, `{"__type":"com.amazon.coral.service#ServiceUnavailableException"}`},
			"nonsense":              fine("<html>"),
			"in progress":           refuse("TransactionInProgressException", "it is"),
		} {
			server.set(operation, answer)
			err := write(t.Context())
			if err == nil || server.count(operation) != 1 {
				t.Errorf("%s, %s: sent %d times, %v", operation, name, server.count(operation), err)
			}
			for _, known := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrTooLarge} {
				if errors.Is(err, known) {
					t.Errorf("%s, %s: %v, though the outcome is unknown", operation, name, err)
				}
			}
		}
	}
	server.set("UpdateItem", broken)
	if err := s.Touch(t.Context(), "id", soon(), soon().Expires); err == nil || server.count("UpdateItem") != 1 {
		t.Errorf("Touch: sent %d times, %v", server.count("UpdateItem"), err)
	}
}

// What DynamoDB refused without writing is tried again, until it is done or the context ends.
func TestRefusalsAreRepeated(t *testing.T) {
	s, server := scripted(t)
	for operation, write := range writes(s) {
		for code := range refusals {
			no := refuse(code, "slow down")
			server.set(operation, no, no, no, no, fine("{}"))
			if err := write(t.Context()); err != nil || server.count(operation) != 5 {
				t.Errorf("%s, %s: sent %d times, %v", operation, code, server.count(operation), err)
			}
		}
		server.set(operation, refuse("ThrottlingException", "slow down"))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := write(ctx); !errors.Is(err, context.DeadlineExceeded) || server.count(operation) < 2 {
			t.Errorf("%s: sent %d times, %v", operation, server.count(operation), err)
		}
		cancel()
	}
}

// Reads are repeated after whatever may pass.
func TestReadsAreRepeated(t *testing.T) {
	s, server := scripted(t)
	server.set("GetItem", broken, reply{500, `{"__type":"InternalServerError"}`}, refuse("ThrottlingException", ""), fine("{}"))
	if _, err := s.Load(t.Context(), "id"); !errors.Is(err, store.ErrNotFound) || server.count("GetItem") != 4 {
		t.Errorf("read %d times, %v", server.count("GetItem"), err)
	}
	if server.last("GetItem")["ConsistentRead"] != true {
		t.Error("a read is not strongly consistent")
	}
	server.set("GetItem", refuse("AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized"))
	if _, err := s.Load(t.Context(), "id"); err == nil || server.count("GetItem") != 1 || err.Error() != "dynamodbstore: load: the store refused: AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized" {
		t.Errorf("read %d times, %v", server.count("GetItem"), err)
	}
}

// Refusals of a transaction are told apart by their reasons.
func TestMoveReasons(t *testing.T) {
	s, server := scripted(t)
	cancelled := func(first, second string) reply {
		return reply{400, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[%s,%s]}`, first, second)}
	}
	const (
		none     = `{"Code":"None"}`
		unmet    = `{"Code":"ConditionalCheckFailed","Message":"x"}`
		conflict = `{"Code":"TransactionConflict"}`
		slow     = `{"Code":"ThrottlingError"}`
		other    = `{"Code":"ItemCollectionSizeLimitExceeded"}`
		live     = `{"Code":"ConditionalCheckFailed","Item":{"id":{"S":"x"},"val":{"B":"eA=="},"expiration":{"N":"99999999999"}}}`
		expired  = `{"Code":"ConditionalCheckFailed","Item":{"id":{"S":"x"},"val":{"B":"eA=="},"expiration":{"N":"1"}}}`
	)
	move := writes(s)["TransactWriteItems"]
	for _, tt := range []struct {
		answers []reply
		want    error
		sent    int
	}{
		{[]reply{fine("{}")}, nil, 1},
		{[]reply{cancelled(live, none)}, store.ErrConflict, 1},
		{[]reply{cancelled(unmet, none)}, store.ErrNotFound, 1},
		{[]reply{cancelled(expired, none)}, store.ErrNotFound, 1},
		{[]reply{cancelled(none, unmet)}, store.ErrExists, 1},
		{[]reply{cancelled(conflict, none), cancelled(slow, conflict), fine("{}")}, nil, 3},
		{[]reply{cancelled(conflict, none), cancelled(live, none)}, store.ErrConflict, 2},
	} {
		server.set("TransactWriteItems", tt.answers...)
		if err := move(t.Context()); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || server.count("TransactWriteItems") != tt.sent {
			t.Errorf("%v: sent %d times, %v, want %d and %v", tt.answers, server.count("TransactWriteItems"), err, tt.sent, tt.want)
		}
	}
	server.set("TransactWriteItems", cancelled(other, conflict))
	if err := move(t.Context()); err == nil || server.count("TransactWriteItems") != 1 {
		t.Errorf("sent %d times, %v", server.count("TransactWriteItems"), err)
	}
	server.set("TransactWriteItems", refuse("UnknownOperationException", ""))
	for range 2 {
		if err := move(t.Context()); !errors.Is(err, errors.ErrUnsupported) || server.count("TransactWriteItems") != 1 {
			t.Errorf("sent %d times, %v", server.count("TransactWriteItems"), err)
		}
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	s, server := scripted(t)
	for _, code := range []string{"InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"} {
		server.set("GetItem", refuse(code, "The Canonical String should have been 'x-amz-security-token:"+secret+"'"))
		if _, err := s.Load(t.Context(), "id"); err == nil || err.Error() != "dynamodbstore: load: the store refused: "+code {
			t.Errorf("%v", err)
		}
	}
}

// An item that is too large for attributes of others is known by the server's word alone.
func TestServerFindsItTooLarge(t *testing.T) {
	s, server := scripted(t)
	for _, message := range []string{"Item size has exceeded the maximum allowed size", "Item size to update has exceeded the maximum allowed size"} {
		server.set("UpdateItem", refuse("ValidationException", message))
		if err := writes(s)["UpdateItem"](t.Context()); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%v, want %v", err, store.ErrTooLarge)
		}
	}
	server.set("UpdateItem", refuse("ValidationException", "something else"))
	if err := writes(s)["UpdateItem"](t.Context()); err == nil || errors.Is(err, store.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// What exceeds the capacity of the table comes with a later call.
func TestUnprocessedKeys(t *testing.T) {
	s, server := scripted(t)
	one := `{"id":{"S":"session:a"},"val":{"B":"eA=="},"expiration":{"N":"99999999999"}}`
	left := `"UnprocessedKeys":{"Sessions":{"ConsistentRead":true,"Keys":[{"id":{"S":"session:a"}}]}}`
	server.set("BatchGetItem", fine(`{"Responses":{"Sessions":[]},`+left+`}`), fine(`{`+left+`}`), fine(`{"Responses":{"Sessions":[`+one+`]}}`))
	got, err := s.loadAll(t.Context(), []string{"a"})
	if err != nil || len(got) != 1 || string(got["a"].Data) != "x" || server.count("BatchGetItem") != 3 {
		t.Errorf("%+v, %v, after %d calls", got, err, server.count("BatchGetItem"))
	}
	server.set("BatchGetItem", fine(`{`+left+`}`))
	if _, err := s.loadAll(t.Context(), []string{"a"}); err == nil || server.count("BatchGetItem") != batchTries {
		t.Errorf("%v after %d calls", err, server.count("BatchGetItem"))
	}
}

func TestExpiry(t *testing.T) {
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{time.Unix(1_800_000_000, 0), "1800000000"},
		{time.Unix(1_800_000_000, 1), "1800000001"},
		{time.Time{}, "0"},
		{time.Unix(-5, 0), "0"},
		{time.Unix(math.MaxInt64/2, 0), "253402300799"},
	} {
		if got := expiration(tt.at); !reflect.DeepEqual(got, number(tt.want)) {
			t.Errorf("%v is %+v, want %s", tt.at, got, tt.want)
		}
	}
	for text, want := range map[string]time.Time{
		"1800000000":                        time.Unix(1_800_000_000, 0),
		"1800000000.25":                     time.Unix(1_800_000_000, 250_000_000),
		"1800000000.1234567165374755859375": time.UnixMicro(1_800_000_000_123_456),
		"-3":                                time.Unix(0, 0),
		"1E+125":                            time.Unix(latest, 0),
		"99999999999999":                    time.Unix(latest, 0),
	} {
		if got, ok := expiryOf(item{attrExpiration: number(text)}); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, it := range []item{nil, {attrExpiration: binary(nil)}, {attrExpiration: number("")}, {attrExpiration: number("NaN")}} {
		if got, ok := expiryOf(it); ok {
			t.Errorf("%+v is %v", it, got)
		}
	}
}
