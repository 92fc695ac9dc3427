package memstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
)

func Example() {
	store := memstore.New(memstore.Options{MaxBytes: 256 << 20})
	defer store.Close()

	// The core does this; it is what a store is for.
	ctx := context.Background()
	r := cloakroom.Record{Data: []byte("hello"), Expires: time.Now().Add(time.Hour)}
	if _, err := store.Create(ctx, "some id", r); err != nil {
		fmt.Println(err)
	}
	loaded, err := store.Load(ctx, "some id")
	fmt.Printf("%s %v\n", loaded.Data, err)
	// Output: hello <nil>
}
