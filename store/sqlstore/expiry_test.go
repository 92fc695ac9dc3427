package sqlstore

import (
	"testing"
	"time"
)

func TestInstant(t *testing.T) {
	want := time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)
	apia, err := time.LoadLocation("Pacific/Apia")
	if err != nil {
		apia = time.FixedZone("", 13*3600)
	}
	for _, v := range []any{"2026-03-29 02:30:00", []byte("2026-03-29 02:30:00.000000"), "2026-03-29T02:30:00", want, want.Add(-13 * time.Hour).In(apia)} {
		var i instant
		if err := i.Scan(v); err != nil || !i.valid || !i.time.Equal(want) {
			t.Errorf("%v: %v, %v", v, i, err)
		}
	}
	for _, v := range []any{nil, "", "0000-00-00 00:00:00", "soon", int64(7), 1.5} {
		i := instant{want, true}
		if err := i.Scan(v); err != nil || i.valid {
			t.Errorf("%v: %v, %v", v, i, err)
		}
	}
	for t0, want := range map[time.Time]string{
		{}: "1970-01-01 00:00:00.000000",
		time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC):            "2026-01-02 03:04:05.999999",
		time.Date(12026, 1, 2, 3, 4, 5, 0, time.UTC):                     "9999-12-31 23:59:59.000000",
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -11*60*60)): "2026-01-02 14:04:05.000000",
	} {
		if got := stamp(t0); got != want {
			t.Errorf("%v: %q, want %q", t0, got, want)
		}
	}
}
