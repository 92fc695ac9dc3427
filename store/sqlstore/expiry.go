package sqlstore

import (
	"time"
)

// stampLayout is how SQLAlchemy writes times into SQLite, and what every other database
// reads. All have the same length, so their order is that of the times.
const stampLayout = "2006-01-02 15:04:05.000000"

var (
	earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// stamp writes a time as a parameter, no later than it is.
func stamp(t time.Time) string {
	switch {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return t.UTC().Format(stampLayout)
}

// instant is an expiry that is read: a time of day in UTC, in whatever type the driver
// has it. One that is NULL, or no time, reads as expired.
type instant struct {
	time  time.Time
	valid bool
}

// Scan implements [sql.Scanner].
func (i *instant) Scan(v any) error {
	*i = instant{}
	switch v := v.(type) {
	case time.Time:
		// The driver may take it for a time of the connection's zone. The clock's face
		// is what is stored.
		*i = instant{time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), v.Nanosecond(), time.UTC), true}
	case string:
		i.parse(v)
	case []byte:
		i.parse(string(v))
	}
	return nil
}

func (i *instant) parse(text string) {
	// with a fraction or without
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			*i = instant{t, true}
			return
		}
	}
}
