module github.com/cloakroom-go/cloakroom/bench

go 1.25.0

require (
	// The session library that most Go sites use: the peer to be measured against.
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/cloakroom-go/cloakroom v0.0.0
)

replace github.com/cloakroom-go/cloakroom => ../
