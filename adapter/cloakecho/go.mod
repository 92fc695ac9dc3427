module github.com/cloakroom-go/cloakroom/adapter/cloakecho

go 1.25.0

require github.com/cloakroom-go/cloakroom v0.1.0

require golang.org/x/time v0.15.0 // indirect

// The framework that this package is for.
require github.com/labstack/echo/v5 v5.4.6
