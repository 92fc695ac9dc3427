module github.com/cloakroom-go/cloakroom/adapter/cloakgrpc

go 1.25.0

require (
	github.com/cloakroom-go/cloakroom v0.1.0
	// Whose interceptors these are.
	google.golang.org/grpc v1.84.0
)

// The messages of the tests.
require google.golang.org/protobuf v1.36.11

require (
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.40.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260706201446-f0a921348800 // indirect
)
