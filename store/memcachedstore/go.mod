module github.com/cloakroom-go/cloakroom/store/memcachedstore

go 1.25.0

require github.com/cloakroom-go/cloakroom v0.0.0

replace github.com/cloakroom-go/cloakroom => ../../
