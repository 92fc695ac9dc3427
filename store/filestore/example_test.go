package filestore_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func Example() {
	dir, err := os.MkdirTemp("", "sessions")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	st, err := filestore.New(dir, filestore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}

	// The core does this; it is what a store is for.
	ctx := context.Background()
	r := store.Record{Data: []byte("hello"), Expires: time.Now().Add(time.Hour)}
	if _, err := st.Create(ctx, "some id", r); err != nil {
		fmt.Println(err)
	}
	again, err := filestore.New(dir, filestore.Options{}) // as after a restart
	if err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := again.Load(ctx, "some id")
	fmt.Printf("%s %v\n", loaded.Data, err)
	// Output: hello <nil>
}
