package storeurl

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query reads the parameters of a store URL strictly: one that is unknown, repeated or out of range
// is an error that names it. [Query.Err] returns the first. Make one with [NewQuery].
type Query struct {
	values url.Values
	known  []string
	err    error
}

// NewQuery returns the parameters of u.
func NewQuery(u *url.URL) *Query {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		err = errors.New("the query is malformed")
	}
	return &Query{values: values, err: err}
}

// String returns the parameter, or otherwise when it is absent.
func (q *Query) String(name, otherwise string) string {
	q.known = append(q.known, name)
	v := q.values[name]
	switch {
	case len(v) == 0:
		return otherwise
	case len(v) > 1:
		q.fail("parameter %s is there %d times", name, len(v))
	}
	return v[0]
}

// Int64 returns the parameter as a decimal number of at least minimum, or otherwise
// when it is absent.
func (q *Query) Int64(name string, minimum, otherwise int64) int64 {
	v := q.String(name, strconv.FormatInt(otherwise, 10))
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < minimum && n != otherwise {
		q.fail("parameter %s is %q, want a number of at least %d", name, v, minimum)
	}
	return n
}

// Duration returns the parameter, or otherwise when it is absent.
func (q *Query) Duration(name string, otherwise time.Duration) time.Duration {
	v := q.String(name, otherwise.String())
	d, err := time.ParseDuration(v)
	if err != nil {
		q.fail("parameter %s is %q, want a duration", name, v)
	}
	return d
}

// OneOf returns the parameter, which must be one of allowed; the first is the default.
func (q *Query) OneOf(name string, allowed ...string) string {
	v := q.String(name, allowed[0])
	if !slices.Contains(allowed, v) {
		q.fail("parameter %s is %q, want one of %s", name, v, strings.Join(allowed, ", "))
	}
	return v
}

func (q *Query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = fmt.Errorf(format, args...)
	}
}

// Err returns the first error. Call it after all parameters were read: others are unknown.
func (q *Query) Err() error {
	var unknown []string
	for name := range q.values {
		if !slices.Contains(q.known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		list := "there are none"
		if len(q.known) > 0 {
			list = "known are " + strings.Join(q.known, ", ")
		}
		q.fail("unknown parameter %q; %s", unknown[0], list)
	}
	return q.err
}
