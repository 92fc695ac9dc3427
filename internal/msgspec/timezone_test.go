package msgspec_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// object returns what a function of a module made of arguments.
func object(module, name string, args ...pickle.Value) *pickle.Object {
	return &pickle.Object{Func: pickle.Global{Module: module, Name: name}, Args: args}
}

// Zones of less than a day are read, and nothing that only looks like a zone.
func TestZones(t *testing.T) {
	const day, refused = 24 * 60 * 60, 1 << 40
	place := pickle.Global{Module: "zoneinfo", Name: "ZoneInfo"}
	key := func(getattr *pickle.Object) *pickle.Object {
		return &pickle.Object{Func: getattr, Args: pickle.Tuple{"Europe/Paris", int64(1)}}
	}
	offset := func(days, seconds int64) *pickle.Object {
		return object("dateutil.tz.tz", "tzoffset", nil, pickle.Delta{Days: days, Seconds: seconds})
	}
	pytz := func(n int64) *pickle.Object { return object("pytz", "_p", "x", n, int64(0), "X") }
	fixed := func(n int64) *pickle.Object { return object("pytz", "_FixedOffset", n) }
	for i, c := range []struct {
		zone *pickle.Object
		want int64 // seconds ahead of UTC
	}{
		{object("pytz", "_UTC"), 0}, {object("pytz", "UTC"), refused},
		{pytz(0), 0}, {pytz(day - 1), day - 1}, {pytz(1 - day), 1 - day},
		{pytz(day), refused}, {pytz(-day), refused},
		{object("pytz", "_p", "x", int64(60), int64(0)), refused},
		{object("pytz", "_p", "x", "60", int64(0), "X"), refused},
		{fixed(0), 0}, {fixed(1439), 1439 * 60}, {fixed(-1439), -1439 * 60},
		{fixed(1440), refused}, {fixed(-1440), refused}, {object("pytz", "FixedOffset"), refused},
		{object("pytz", "FixedOffset", int64(1)), 60},
		{object("dateutil.tz.tz", "tzutc"), 0}, {object("dateutil", "tzutc"), refused},
		{object("dateutil.tz.tz", "tzlocal"), refused},
		{offset(0, 0), 0}, {offset(0, day-1), day - 1}, {offset(-1, 1), 1 - day},
		{offset(-1, 0), refused}, {offset(1, 0), refused}, {offset(-2, 1), refused},
		{object("dateutil.tz.tz", "tzoffset", pickle.Delta{}), refused},
		{object("dateutil.tz.tz", "tzoffset", nil, pickle.Delta{}, nil), refused},
		{key(object("builtins", "getattr", place, "_unpickle")), 3600},
		{key(object("builtins", "getattr", place, "other")), refused},
		{key(object("builtins", "getattr", place, "_unpickle", nil)), refused},
		{key(object("builtins", "getattr", place)), refused},
		{key(object("builtins", "setattr", place, "_unpickle")), refused},
		{key(object("builtins", "getattr", "ZoneInfo", "_unpickle")), refused},
		{object("zoneinfo", "ZoneInfo._unpickle", "Europe/Paris", int64(1)), 3600},
		{object("backports.zoneinfo", "ZoneInfo._unpickle", "Europe/Paris", int64(1)), 3600},
		{object("zoneinfo", "ZoneInfo.other", "Europe/Paris", int64(1)), refused},
		{object("zone", "ZoneInfo._unpickle", "Europe/Paris", int64(1)), refused},
		{object("zoneinfo", "ZoneInfo._unpickle", "", int64(1)), refused},
		{object("pytz", "_p", "Europe/Nowhere"), refused},
	} {
		state := pickle.Bytes("\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00") // 2024-01-01
		v, ok := msgspec.Plain(object("datetime", "datetime", state, c.zone))
		got := int64(refused)
		if d, is := v.(pickle.DateTime); ok && is {
			got = d.Zone.Offset.Days*day + d.Zone.Offset.Seconds
		}
		if got != c.want {
			t.Errorf("case %d, %v of %v: %d, want %d", i, c.zone.Class(), c.zone.Args, got, c.want)
		}
	}
}
