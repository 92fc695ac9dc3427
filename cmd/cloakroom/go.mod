module github.com/cloakroom-go/cloakroom/cmd/cloakroom

go 1.25.0

require (
	github.com/cloakroom-go/cloakroom v0.0.0
	github.com/cloakroom-go/cloakroom/stores/memcachedstore v0.0.0
)

replace github.com/cloakroom-go/cloakroom => ../../

replace github.com/cloakroom-go/cloakroom/stores/memcachedstore => ../../stores/memcachedstore
