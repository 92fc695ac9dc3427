module github.com/cloakroom-go/cloakroom/adapter/cloakgorilla

go 1.25.0

require github.com/cloakroom-go/cloakroom v0.1.0

require github.com/gorilla/securecookie v1.1.2 // indirect

// The API that this package is a store for.
require github.com/gorilla/sessions v1.4.0
