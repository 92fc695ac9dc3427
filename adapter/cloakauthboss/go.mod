module github.com/cloakroom-go/cloakroom/adapter/cloakauthboss

go 1.25.0

require github.com/cloakroom-go/cloakroom v0.1.0

require (
	github.com/friendsofgo/errors v0.9.2 // indirect
	golang.org/x/crypto v0.54.0 // indirect; authboss asks for v0.17.0, which is years older
	golang.org/x/oauth2 v0.36.0 // indirect; likewise v0.6.0
	golang.org/x/xerrors v0.0.0-20220907171357-04be3eba64a2 // indirect
)

// The API whose client state this package keeps.
require github.com/aarondl/authboss/v3 v3.5.1
