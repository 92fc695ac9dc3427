package memstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func Example() {
	st, err := memstore.New(memstore.Options{MaxBytes: 256 << 20})
	if err != nil {
		panic(err)
	}
	defer st.Close()

	// The core does this; it is what a store is for.
	ctx := context.Background()
	r := store.Record{Data: []byte("hello"), Expires: time.Now().Add(time.Hour)}
	if _, err := st.Create(ctx, "some id", r); err != nil {
		fmt.Println(err)
	}
	loaded, err := st.Load(ctx, "some id")
	fmt.Printf("%s %v\n", loaded.Data, err)
	// Output: hello <nil>
}
