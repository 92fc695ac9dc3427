package mongostore_test

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

func ExampleOpen() {
	store, closer, err := mongostore.Open(context.Background(), "mongodb://app:secret@10.0.0.1,10.0.0.2,10.0.0.3/shop?replicaSet=main&authSource=admin")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	_, _ = sessions, err
}

// With a client that the application has already.
func ExampleNew() {
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://127.0.0.1").
		SetConnectTimeout(2 * time.Second).SetServerSelectionTimeout(3 * time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Disconnect(context.Background())
	store, err := mongostore.New(client, mongostore.Options{Database: "shop"})
	_, _ = store, err
}

// Before the first use of a collection that a Flask application has filled.
func ExampleStore_Migrate() {
	ctx := context.Background()
	store, closer, err := mongostore.Open(ctx, "mongodb://127.0.0.1/flask_session")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
	}
}

// A sweep removes what has expired, batch by batch, where the server has no TTL index.
func ExampleStore_Sweep() {
	ctx := context.Background()
	store, closer, err := mongostore.Open(ctx, "mongodb://127.0.0.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	for cursor, more := "", true; more; more = cursor != "" {
		var removed int
		if removed, cursor, err = store.Sweep(ctx, cursor, 500); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(removed, "removed")
	}
}
