package dynamodbstore_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
)

func ExampleOpen() {
	store, closer, err := dynamodbstore.Open(context.Background(), "dynamodb://Sessions?region=eu-central-1&create=true")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	_, _ = sessions, err
}

// With a client of one's own, that gives up a server that hangs as soon as opening by
// URL does.
func ExampleNew() {
	conns := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = time.Second }).
		WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = time.Second })
	configuration, err := config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(conns))
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := dynamodbstore.New(dynamodb.NewFromConfig(configuration), dynamodbstore.Options{Table: "shop-sessions"})
	_, _ = store, err
}

// A table is made once, when the application is deployed, or by the application if it may.
func ExampleStore_CreateTable() {
	store, err := dynamodbstore.New(dynamodb.New(dynamodb.Options{Region: "eu-central-1"}), dynamodbstore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := store.CreateTable(ctx); err != nil {
		fmt.Println(err)
	}
}
