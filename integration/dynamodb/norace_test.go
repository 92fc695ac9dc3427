//go:build !race

package dynamodb

const measures = true
