package sqlstore

import (
	"time"
)

// stampLayout is how SQLAlchemy writes times into SQLite. Every other database reads it. All have
// the same length, so they sort as the times do.
const stampLayout = "2006-01-02 15:04:05.000000"

var (
	earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// stamp writes a time as a parameter, rounded down.
func stamp(t time.Time) string {
	switch {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return t.UTC().Format(stampLayout)
}

// instant scans an expiry in UTC from any type that a driver has for it. NULL, and what is no time,
// is not valid.
type instant struct {
	time  time.Time
	valid bool
}

// Scan implements [sql.Scanner].
func (i *instant) Scan(v any) error {
	*i = instant{}
	switch v := v.(type) {
	case time.Time:
		// The driver may have taken it for a time in the connection's zone: read the clock's face.
		_, offset := v.Zone()
		*i = instant{v.Add(time.Duration(offset) * time.Second).UTC(), true}
	case string:
		i.parse(v)
	case []byte:
		i.parse(string(v))
	}
	return nil
}

func (i *instant) parse(text string) {
	// time.Parse reads a fraction, too.
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			*i = instant{t, true}
			return
		}
	}
}
