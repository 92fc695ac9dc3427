package dynamodbstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws/smithy-go/logging"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

const (
	defaultTimeout = time.Second
	maxTimeout     = time.Hour
	idleConns      = 256
)

// Opener opens `dynamodb:` URLs for [storeurl.Open]: `dynamodb://TABLE`, or `dynamodb:`
// for the table "Sessions". Parameters:
//
//   - create=true: make the table if it is missing, see [Store.CreateTable]; false, the default, or
//     never: that is [storeurl.ErrNoStore].
//   - endpoint=URL: where DynamoDB is, such as http://localhost:8000 for DynamoDB Local.
//   - prefix=TEXT: [Options.Prefix].
//   - profile=NAME: the profile of the shared configuration files.
//   - region=NAME: the region, such as eu-central-1.
//   - timeout=DURATION: how long connecting, and then waiting for an answer, may take; the default
//     is 1s.
//
// Credentials always, and what is not given, come from the SDK's default chain: the environment
// (AWS_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE, ...), the shared configuration files, or the role of
// the container or machine. Opening fails if the table cannot be read.
func Opener() storeurl.Opener {
	return storeurl.Opener{
		Open:    openURL,
		Schemes: []string{"dynamodb"},
	}
}

// Open opens a store by URL, in the forms of [Opener]. Close the [io.Closer] when the store is not
// needed any more. ctx bounds the opening only.
func Open(ctx context.Context, rawURL string) (*Store, io.Closer, error) {
	s, closer, err := storeurl.Open(ctx, rawURL, Opener())
	if err != nil {
		return nil, nil, err
	}
	return s.(*Store), closer, nil
}

// place is what a URL says.
type place struct {
	create                    bool
	endpoint, profile, region string
	timeout                   time.Duration
	opts                      Options
}

func parse(u *url.URL) (place, error) {
	q := storeurl.NewQuery(u)
	p := place{
		create:   q.OneOf("create", "false", "true", "never") == "true",
		endpoint: q.String("endpoint", ""),
		profile:  q.String("profile", ""),
		region:   q.String("region", ""),
		opts:     Options{Prefix: q.String("prefix", ""), Table: u.Host},
	}
	timeout := q.String("timeout", defaultTimeout.String())
	if err := q.Err(); err != nil {
		return p, err
	}
	var err error
	p.timeout, err = time.ParseDuration(timeout)
	if err != nil || p.timeout < time.Millisecond || p.timeout > maxTimeout {
		return p, fmt.Errorf("parameter timeout is %q, want a duration from 1ms to 1h", timeout)
	}
	switch {
	case u.User != nil:
		return p, errors.New("a user and a password are not supported; " +
			"credentials come from the environment, as the AWS SDK reads it")
	case u.Opaque != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return p, errors.New("want dynamodb://TABLE?region=NAME")
	}
	if p.endpoint != "" {
		e, err := url.Parse(p.endpoint)
		if err != nil || !isWeb(e.Scheme) || e.Host == "" || e.User != nil {
			return p, errors.New("parameter endpoint: want http://host:port or https://host:port")
		}
	}
	return p, nil
}

func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

func openURL(ctx context.Context, u *url.URL) (store.Store, io.Closer, error) {
	p, err := parse(u)
	if err != nil {
		return nil, nil, err
	}
	client, closer, err := p.client(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := New(client, p.opts)
	if err == nil && p.create {
		err = s.CreateTable(ctx)
	}
	if err == nil {
		err = noStore(s.Ping(ctx))
	}
	if err != nil {
		_ = closer.Close()
		return nil, nil, err
	}
	return s, closer, nil
}

// noStore adds ErrNoStore to an error that means that the table is missing.
func noStore(err error) error {
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		return fmt.Errorf("%w: %w", storeurl.ErrNoStore, err)
	}
	return err
}

func (p *place) client(ctx context.Context) (*dynamodb.Client, io.Closer, error) {
	conns := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = p.timeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = p.timeout
			t.ResponseHeaderTimeout = p.timeout
			t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConns, idleConns
		})
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(conns), config.WithLogger(logging.Nop{}),
	}
	if p.region != "" {
		load = append(load, config.WithRegion(p.region))
	}
	if p.profile != "" {
		load = append(load, config.WithSharedConfigProfile(p.profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, nil, fmt.Errorf("dynamodbstore: configuration: %w", err)
	}
	if cfg.Region == "" {
		const text = "dynamodbstore: no region: give the parameter region, or set AWS_REGION"
		return nil, nil, errors.New(text)
	}
	closer := closeFunc(func() {})
	// LoadDefaultConfig has added the certificates of AWS_CA_BUNDLE.
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		cfg.HTTPClient = b.Freeze()
		if c, ok := cfg.HTTPClient.(*http.Client); ok {
			closer = c.CloseIdleConnections
		}
	}
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		if p.endpoint != "" {
			o.BaseEndpoint = aws.String(p.endpoint)
		}
	}), closer, nil
}

type closeFunc func()

func (f closeFunc) Close() error { f(); return nil }
