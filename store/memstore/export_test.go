package memstore

// For tests: the times that expiries are kept as.
var (
	Nanos     = nanos
	FromNanos = fromNanos
)
