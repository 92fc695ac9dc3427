package cachelibstore_test

import (
	"log"

	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

// A Flask application with SESSION_TYPE "filesystem" and no other setting keeps its
// sessions in the folder flask_session of its working folder.
func Example() {
	store, err := cachelibstore.New("/srv/shop/flask_session", cachelibstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	_ = store
}
