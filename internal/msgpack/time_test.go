package msgpack

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want string
	}{
		{time.Unix(0, 0), "d6ff00000000"},
		{time.Unix(1<<32-1, 0), "d6ffffffffff"},
		{time.Unix(1<<32, 0), "d7ff0000000100000000"},
		{time.Unix(0, 1), "d7ff0000000400000000"},
		{time.Unix(1<<34-1, 999_999_999), "d7ffee6b27ffffffffff"},
		{time.Unix(1<<34, 0), "c70cff000000000000000400000000"},
		{time.Unix(-1, 0), "c70cff00000000ffffffffffffffff"},
		{time.Unix(-1, 999_999_999), "c70cff3b9ac9ffffffffffffffffff"},
		{time.Time{}, "c70cff00000000fffffff1886e0900"},
		{time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), "c70cff3b9ac9ff0000003afff4417f"},
		{time.Date(292_277_000_000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{time.Date(-5_000, 1, 1, 0, 0, 0, 7, time.FixedZone("x", 3600)), ""},
		{time.Now(), ""},
	} {
		b := AppendTime(nil, c.t)
		if c.want != "" && !bytes.Equal(b, unhex(c.want)) {
			t.Errorf("AppendTime(%v) = %x, want %s", c.t, b, c.want)
		}
		got, rest, err := ReadTime(append(b, 1))
		if !got.Equal(c.t) || got.Location() != time.UTC || len(rest) != 1 || err != nil {
			t.Errorf("ReadTime(%x) = %v, %v; want %v", b, got, err, c.t)
		}
		var x any
		if err := Unmarshal(b, &x, Limits{}); err != nil || x != got {
			t.Errorf("Unmarshal(%x) = %v, %v", b, x, err)
		}
	}
	var zero time.Time
	if err := Unmarshal(AppendTime(nil, time.Time{}), &zero, Limits{}); err != nil || !zero.IsZero() {
		t.Errorf("the zero time: %v, %v", zero, err)
	}
	for s, want := range map[string]error{
		"d7ffee6b280000000000":           ErrCorrupt, // 1e9 nanoseconds
		"c70cff3b9aca000000000000000000": ErrCorrupt,
		"d4ff00":                         ErrCorrupt, // one byte
		"c700ff":                         ErrCorrupt,
		"d6fe00000000":                   ErrType, // another extension
		"00":                             ErrType,
	} {
		var when time.Time
		if err := Unmarshal(unhex(s), &when, Limits{}); !errors.Is(err, want) {
			t.Errorf("%s into time.Time: %v, want %v", s, err, want)
		}
	}
}
