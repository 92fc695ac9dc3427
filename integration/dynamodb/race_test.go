//go:build race

package dynamodb

// measures tells that times mean something: they do not with the race detector, and
// with other tests beside.
const measures = false
