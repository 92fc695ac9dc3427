//go:build !race

package demotest

var raceFlags []string
