package msgspec

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// textOf returns the text of a value that is text in both formats.
func textOf(v pickle.Value) (text []byte, ok bool) {
	switch v := v.(type) {
	case pickle.DateTime:
		clock, ahead := v.Clock()
		text = clock.AppendFormat(nil, "2006-01-02T15:04:05")
		text = appendFraction(text, clock.Nanosecond()/1000)
		return appendZone(text, v.Zone, ahead), true
	case pickle.Date:
		year, month := int(v[0])<<8|int(v[1]), time.Month(v[2])
		date := time.Date(year, month, int(v[3]), 0, 0, 0, 0, time.UTC)
		return date.AppendFormat(nil, time.DateOnly), true
	case pickle.Time:
		hour, minute, second := int(v.State[0]&0x7f), int(v.State[1]), int(v.State[2])
		clock := time.Date(1, 1, 1, hour, minute, second, 0, time.UTC)
		text = clock.AppendFormat(nil, time.TimeOnly)
		text = appendFraction(text, v.Micro())
		if v.Zone == nil {
			return text, true
		}
		return appendZone(text, v.Zone, v.Zone.Offset.Duration()), true
	case pickle.Delta:
		return appendDelta(nil, v), true
	case pickle.Decimal:
		return []byte(v), true
	case pickle.UUID:
		h := hex.EncodeToString(v[:])
		return []byte(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), true
	}
	return nil, false
}

// appendFraction appends microseconds: six digits, or none.
func appendFraction(out []byte, micros int) []byte {
	if micros == 0 {
		return out
	}
	digits := strconv.Itoa(1_000_000 + micros)
	return append(append(out, '.'), digits[1:]...)
}

// appendZone appends an offset in minutes, rounded half down, as the library does. Like
// the library, it writes 24 hours as Z.
func appendZone(out []byte, zone *pickle.Zone, ahead time.Duration) []byte {
	if zone == nil {
		return out
	}
	sign := byte('+')
	if ahead < 0 {
		sign, ahead = '-', -ahead
	}
	minutes := int(ahead/time.Second+29) / 60
	if zone.Offset.Days < 0 && zone.Offset.Microseconds > 0 {
		// The library looks at whole seconds, and Python rounds these down.
		minutes = int((ahead+time.Second-1)/time.Second+29) / 60
	}
	if minutes == 0 || minutes == 24*60 {
		return append(out, 'Z')
	}
	hour, minute := minutes/60, minutes%60
	return append(out, sign, byte('0'+hour/10), byte('0'+hour%10), ':',
		byte('0'+minute/10), byte('0'+minute%10))
}

// appendDelta appends a timedelta as an ISO 8601 duration.
func appendDelta(out []byte, d pickle.Delta) []byte {
	seconds, micros := d.Days*86_400+d.Seconds, d.Microseconds
	if seconds < 0 {
		out = append(out, '-')
		seconds = -seconds
		if micros > 0 {
			seconds, micros = seconds-1, 1_000_000-micros
		}
	}
	days, seconds := seconds/86_400, seconds%86_400
	out = append(out, 'P')
	if days > 0 {
		out = append(strconv.AppendInt(out, days, 10), 'D')
	}
	if seconds > 0 || micros > 0 {
		out = strconv.AppendInt(append(out, 'T'), seconds, 10)
		out = appendFraction(out, int(micros))
		for micros > 0 && out[len(out)-1] == '0' {
			out = out[:len(out)-1]
		}
		return append(out, 'S')
	}
	if days == 0 {
		return append(out, "0D"...)
	}
	return out
}

// appendFloat appends a finite float, in a form that is read as a float again.
func appendFloat(out []byte, f float64) []byte {
	var buf [32]byte
	e := strconv.AppendFloat(buf[:0], f, 'e', -1, 64) // d.ddde±dd
	at := len(e) - 1
	for e[at] != 'e' {
		at--
	}
	exponent, _ := strconv.Atoi(string(e[at+1:]))
	if exponent < minPlain || exponent > maxPlain {
		return strconv.AppendInt(append(append(out, e[:at]...), 'e'), int64(exponent), 10)
	}
	begin := len(out)
	out = strconv.AppendFloat(out, f, 'f', -1, 64)
	for _, c := range out[begin:] {
		if c == '.' {
			return out
		}
	}
	return append(out, ".0"...)
}

// The range of exponents of ten that are written without an exponent.
const (
	minPlain = -5
	maxPlain = 15
)
