package dynamodbstore

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
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
