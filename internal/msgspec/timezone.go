package msgspec

import (
	"math"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// calendar returns a datetime or a time in a time zone that is an object, with the offset
// of that moment. The offset of a time must not depend on the day.
func calendar(name string, args pickle.Tuple) (pickle.Value, bool) {
	if len(args) != 2 {
		return nil, false
	}
	zone, ok := args[1].(*pickle.Object)
	if !ok {
		return nil, false
	}
	naive, ok := pickle.Calendar(name, args[:1])
	if !ok {
		return nil, false
	}
	switch naive := naive.(type) {
	case pickle.DateTime:
		offset, ok := offsetAt(zone, naive)
		if !ok {
			return nil, false
		}
		naive.Zone = &pickle.Zone{Offset: offset}
		return naive, true
	case pickle.Time:
		offset, ok := fixedOffset(zone)
		if !ok {
			return nil, false
		}
		naive.Zone = &pickle.Zone{Offset: offset}
		return naive, true
	}
	return nil, false
}

// offsetAt returns how far ahead of UTC a time zone is when its clocks show t.
func offsetAt(zone *pickle.Object, t pickle.DateTime) (pickle.Delta, bool) {
	if offset, ok := fixedOffset(zone); ok {
		return offset, true
	}
	name, ok := zoneName(zone)
	if !ok {
		return pickle.Delta{}, false
	}
	location := locations.get(name)
	if location == nil {
		return pickle.Delta{}, false
	}
	clock, _ := t.Clock()
	return deltaOf(offsetIn(location, clock.Unix(), t.State[2]&0x80 != 0)), true
}

// fixedOffset returns the offset of a zone of pytz or dateutil that has a fixed one.
func fixedOffset(zone *pickle.Object) (pickle.Delta, bool) {
	class := zone.Class()
	number := func(i int) int64 {
		if i < len(zone.Args) {
			if n, ok := zone.Args[i].(int64); ok && n > -day && n < day {
				return n
			}
		}
		return math.MaxInt64
	}
	switch class {
	case pickle.Global{Module: "pytz", Name: "_UTC"}:
		return pickle.Delta{}, true
	case pickle.Global{Module: "pytz", Name: "_p"}: // the offset in force is an argument
		n := number(1)
		return deltaOf(n), len(zone.Args) == 4 && n != math.MaxInt64
	case pickle.Global{Module: "pytz", Name: "_FixedOffset"},
		pickle.Global{Module: "pytz", Name: "FixedOffset"}:
		n := number(0)
		return deltaOf(n * 60), n > -day/60 && n < day/60
	case reconstructor:
		class, _ = firstArg(zone).(pickle.Global)
	}
	if !strings.HasPrefix(class.Module, "dateutil.tz") {
		return pickle.Delta{}, false
	}
	switch class.Name {
	case "tzutc":
		return pickle.Delta{}, true
	case "tzoffset":
		offset, ok := dateutilOffset(zone).(pickle.Delta)
		ok = ok && offset.Days >= -1 && offset.Days <= 0
		return offset, ok && offset.Duration() > -24*time.Hour
	}
	return pickle.Delta{}, false
}

// dateutilOffset returns the offset of a tzoffset: an attribute or, since version 4, an
// argument.
func dateutilOffset(zone *pickle.Object) pickle.Value {
	if d, ok := state(zone).(*pickle.Dict); ok {
		offset, _ := d.Get("_offset")
		return offset
	}
	if zone.Made == pickle.ByReduce && len(zone.Args) == 2 {
		return zone.Args[1]
	}
	return nil
}

func firstArg(o *pickle.Object) pickle.Value {
	if len(o.Args) == 0 {
		return nil
	}
	return o.Args[0]
}

// day is in seconds.
const day = 24 * 60 * 60

func deltaOf(seconds int64) pickle.Delta {
	if seconds < 0 {
		return pickle.Delta{Days: -1, Seconds: seconds + day}
	}
	return pickle.Delta{Seconds: seconds}
}

// zoneName returns the name of a zone of zoneinfo, or of one of pytz that never changes.
func zoneName(zone *pickle.Object) (string, bool) {
	name, ok := firstArg(zone).(string)
	if !ok || zone.Made != pickle.ByReduce {
		return "", false
	}
	class := zone.Class()
	if class == (pickle.Global{Module: "pytz", Name: "_p"}) && len(zone.Args) == 1 {
		return name, true
	}
	if f, isObject := zone.Func.(*pickle.Object); isObject { // getattr(ZoneInfo, "_unpickle")
		getattr := pickle.Global{Module: "builtins", Name: "getattr"}
		if f.Func != pickle.Value(getattr) || len(f.Args) != 2 || f.Args[1] != "_unpickle" {
			return "", false
		}
		class, _ = f.Args[0].(pickle.Global)
		class.Name += "._unpickle"
	}
	return name, class.Name == "ZoneInfo._unpickle" && strings.HasSuffix(class.Module, "zoneinfo")
}

// offsetIn returns the offset, in seconds, of a place whose clocks show a time, given in
// seconds as if it were in UTC. As in PEP 495, fold selects the second of two such times,
// and in a gap the offset after it.
func offsetIn(place *time.Location, clock int64, fold bool) int64 {
	t := time.Unix(clock-2*day, 0).In(place)
	_, offset := t.Zone()
	for {
		_, end := t.ZoneBounds()
		if end.IsZero() {
			return int64(offset)
		}
		_, next := end.Zone()
		change := end.Unix() + int64(max(offset, next))
		if fold {
			change = end.Unix() + int64(min(offset, next))
		}
		if clock < change {
			return int64(offset)
		}
		t, offset = end, next
	}
}

// cache holds places by name, nil for unknown names.
type cache struct {
	mu     sync.Mutex
	places map[string]*time.Location
}

var locations = cache{places: map[string]*time.Location{}}

// maxPlaces bounds the cache. There are about 600 names.
const maxPlaces = 1000

const placeChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/"

func (c *cache) get(name string) *time.Location {
	if name == "" || name == "Local" || len(name) > 64 || strings.Trim(name, placeChars) != "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	place, ok := c.places[name]
	if ok {
		return place
	}
	place, err := time.LoadLocation(name)
	if err != nil {
		place = nil
	}
	if len(c.places) < maxPlaces {
		c.places[name] = place
	}
	return place
}
