module github.com/cloakroom-go/cloakroom/adapter/cloakfiber

go 1.25.0

require (
	github.com/cloakroom-go/cloakroom v0.1.0
	// Whose middleware this is.
	github.com/gofiber/fiber/v3 v3.1.0
	// What is underneath: the response's header, and in the tests its server and client.
	github.com/valyala/fasthttp v1.74.0
)

// The WebSockets of the tests.
require github.com/fasthttp/websocket v1.5.12

require (
	github.com/gofiber/schema v1.7.0 // indirect
	github.com/gofiber/utils/v2 v2.0.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/savsgio/gotils v0.0.0-20240704082632-aef3928b8a38 // indirect
	github.com/tinylib/msgp v1.6.3 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/net v0.58.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)
