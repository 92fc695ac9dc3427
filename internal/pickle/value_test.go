package pickle_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// describe is describe of testdata/gen.py.
func describe(v pickle.Value) string {
	each := func(items []pickle.Value) []string {
		var all []string
		for _, item := range items {
			all = append(all, describe(item))
		}
		return all
	}
	clock := func(b []byte, hours byte) string {
		return fmt.Sprintf("%02d:%02d:%02d.%06d", b[0]&hours, b[1], b[2], binary.BigEndian.Uint32([]byte{0, b[3], b[4], b[5]}))
	}
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return strings.ToUpper(fmt.Sprint(v)[:1]) + fmt.Sprint(v)[1:]
	case int64:
		return fmt.Sprintf("i%d", v)
	case *big.Int:
		return "i" + v.String()
	case float64:
		return fmt.Sprintf("f%016x", math.Float64bits(v))
	case string:
		return fmt.Sprintf("s%x", v)
	case pickle.Bytes:
		return fmt.Sprintf("b%x", []byte(v))
	case pickle.ByteArray:
		return fmt.Sprintf("B%x", []byte(v))
	case pickle.Tuple:
		return "(" + strings.Join(each(v), ",") + ")"
	case *pickle.List:
		return "[" + strings.Join(each(v.Items), ",") + "]"
	case *pickle.Dict:
		var all []string
		for i := range v.Keys {
			all = append(all, describe(v.Keys[i])+":"+describe(v.Values[i]))
		}
		return "{" + strings.Join(all, ",") + "}"
	case *pickle.Set:
		items := each(v.Items)
		slices.Sort(items)
		name := "set"
		if v.Frozen {
			name = "frozenset"
		}
		return name + "<" + strings.Join(items, ",") + ">"
	case pickle.DateTime:
		s := v.State
		date := fmt.Sprintf("%04d-%02d-%02d", int(s[0])<<8|int(s[1]), s[2]&0x7f, s[3])
		return fmt.Sprintf("datetime %sT%s %d %s", date, clock(s[4:], 0xff), s[2]>>7, zone(v.Zone))
	case pickle.Date:
		return fmt.Sprintf("date %04d-%02d-%02d", int(v[0])<<8|int(v[1]), v[2], v[3])
	case pickle.Time:
		return fmt.Sprintf("time %s %d %s", clock(v.State[:], 0x7f), v.State[0]>>7, zone(v.Zone))
	case pickle.Delta:
		return fmt.Sprintf("delta %d %d %d", v.Days, v.Seconds, v.Microseconds)
	case pickle.Zone:
		return "zone " + zone(&v)
	case pickle.Decimal:
		return "decimal " + string(v)
	case pickle.UUID:
		return fmt.Sprintf("uuid %x", v[:])
	}
	return fmt.Sprintf("unknown %T", v)
}

func zone(z *pickle.Zone) string {
	switch {
	case z == nil:
		return "-"
	case z.Named:
		return fmt.Sprintf("%s/%x", describe(z.Offset), z.Name)
	}
	return describe(z.Offset) + "/-"
}
