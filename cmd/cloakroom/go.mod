module github.com/cloakroom-go/cloakroom/cmd/cloakroom

go 1.25.0

require (
	github.com/cloakroom-go/cloakroom v0.0.0
	github.com/cloakroom-go/cloakroom/stores/memcachedstore v0.0.0
	github.com/cloakroom-go/cloakroom/stores/mongostore v0.0.0
	github.com/cloakroom-go/cloakroom/stores/redisstore v0.0.0
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/redis/rueidis v1.0.79 // indirect
	github.com/xdg-go/scram v1.4.0 // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	github.com/youmark/pkcs8 v0.0.0-20240726163527-a2c0da244d78 // indirect
	go.mongodb.org/mongo-driver/v2 v2.10.0 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/cloakroom-go/cloakroom => ../../

replace github.com/cloakroom-go/cloakroom/stores/memcachedstore => ../../stores/memcachedstore

replace github.com/cloakroom-go/cloakroom/stores/mongostore => ../../stores/mongostore

replace github.com/cloakroom-go/cloakroom/stores/redisstore => ../../stores/redisstore
