module github.com/cloakroom-go/cloakroom/cmd/cloakroom

go 1.25.0

require (
	github.com/cloakroom-go/cloakroom v0.0.0
	github.com/cloakroom-go/cloakroom/stores/memcachedstore v0.0.0
	github.com/cloakroom-go/cloakroom/stores/redisstore v0.0.0
)

require (
	github.com/redis/rueidis v1.0.79 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/cloakroom-go/cloakroom => ../../

replace github.com/cloakroom-go/cloakroom/stores/memcachedstore => ../../stores/memcachedstore

replace github.com/cloakroom-go/cloakroom/stores/redisstore => ../../stores/redisstore
