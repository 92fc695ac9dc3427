module github.com/cloakroom-go/cloakroom/store/memcachedstore

go 1.25.0

require github.com/cloakroom-go/cloakroom v0.1.0
