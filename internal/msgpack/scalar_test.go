package msgpack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// TestIntegers: the shortest form at each boundary, on both sides of it.
func TestIntegers(t *testing.T) {
	for _, c := range []struct {
		i    int64
		want string
	}{
		{0, "00"}, {1, "01"}, {127, "7f"}, {128, "cc80"}, {255, "ccff"}, {256, "cd0100"}, {65535, "cdffff"},
		{65536, "ce00010000"}, {math.MaxUint32, "ceffffffff"}, {math.MaxUint32 + 1, "cf0000000100000000"},
		{math.MaxInt64, "cf7fffffffffffffff"},
		{-1, "ff"}, {-32, "e0"}, {-33, "d0df"}, {-128, "d080"}, {-129, "d1ff7f"}, {-32768, "d18000"},
		{-32769, "d2ffff7fff"}, {math.MinInt32, "d280000000"}, {math.MinInt32 - 1, "d3ffffffff7fffffff"},
		{math.MinInt64, "d38000000000000000"},
	} {
		got := AppendInt([]byte("x"), c.i)
		if want := append([]byte("x"), unhex(c.want)...); !bytes.Equal(got, want) {
			t.Errorf("AppendInt(%d) = % x, want %s", c.i, got[1:], c.want)
		}
		if c.i >= 0 && !bytes.Equal(AppendUint(nil, uint64(c.i)), unhex(c.want)) {
			t.Errorf("AppendUint(%d) differs from AppendInt", c.i)
		}
		i, rest, err := ReadInt(append(got[1:], 0xc1))
		if i != c.i || len(rest) != 1 || err != nil {
			t.Errorf("ReadInt(%s) = %d, % x, %v", c.want, i, rest, err)
		}
		u, _, err := ReadUint(got[1:])
		if c.i >= 0 && (u != uint64(c.i) || err != nil) || c.i < 0 && !errors.Is(err, ErrOverflow) {
			t.Errorf("ReadUint(%s) = %d, %v", c.want, u, err)
		}
	}
	// Other encoders do not use the shortest form; every form is read.
	for _, s := range []string{"05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005", "d10005", "d200000005", "d30000000000000005"} {
		i, _, err := ReadInt(unhex(s))
		u, _, err2 := ReadUint(unhex(s))
		if i != 5 || u != 5 || err != nil || err2 != nil {
			t.Errorf("reading %s: %d, %v, %d, %v", s, i, err, u, err2)
		}
	}
	top := AppendUint(nil, math.MaxUint64)
	if !bytes.Equal(top, unhex("cfffffffffffffffff")) {
		t.Errorf("AppendUint(MaxUint64) = % x", top)
	}
	if u, _, err := ReadUint(top); u != math.MaxUint64 || err != nil {
		t.Errorf("ReadUint(MaxUint64) = %d, %v", u, err)
	}
	if _, _, err := ReadInt(top); !errors.Is(err, ErrOverflow) {
		t.Errorf("ReadInt(MaxUint64): %v, want ErrOverflow", err)
	}
}

func TestLengths(t *testing.T) {
	for _, c := range []struct {
		n                     int
		str, bin, array, mapp string
	}{
		{0, "a0", "c400", "90", "80"},
		{1, "a1", "c401", "91", "81"},
		{15, "af", "c40f", "9f", "8f"},
		{16, "b0", "c410", "dc0010", "de0010"},
		{31, "bf", "c41f", "dc001f", "de001f"},
		{32, "d920", "c420", "dc0020", "de0020"},
		{255, "d9ff", "c4ff", "dc00ff", "de00ff"},
		{256, "da0100", "c50100", "dc0100", "de0100"},
		{65535, "daffff", "c5ffff", "dcffff", "deffff"},
		{65536, "db00010000", "c600010000", "dd00010000", "df00010000"},
	} {
		body := bytes.Repeat([]byte{7}, c.n)
		str, bin := AppendString(nil, string(body)), AppendBytes(nil, body)
		if !bytes.Equal(str, append(unhex(c.str), body...)) || !bytes.Equal(bin, append(unhex(c.bin), body...)) {
			t.Errorf("length %d: str % x, bin % x", c.n, head(str), head(bin))
		}
		if s, rest, err := ReadString(str); !bytes.Equal(s, body) || len(rest) != 0 || err != nil {
			t.Errorf("ReadString of %d: %d, %v", c.n, len(s), err)
		}
		if s, rest, err := ReadBytes(bin); !bytes.Equal(s, body) || len(rest) != 0 || err != nil {
			t.Errorf("ReadBytes of %d: %d, %v", c.n, len(s), err)
		}
		array, mapp := AppendArrayHeader(nil, c.n), AppendMapHeader(nil, c.n)
		if !bytes.Equal(array, unhex(c.array)) || !bytes.Equal(mapp, unhex(c.mapp)) {
			t.Errorf("length %d: array % x, map % x", c.n, array, mapp)
		}
		n, rest, err := ReadArrayHeader(append(array, body...))
		if n != c.n || len(rest) != c.n || err != nil {
			t.Errorf("ReadArrayHeader of %d: %d, %v", c.n, n, err)
		}
		full := append(append(mapp, body...), body...)
		n, rest, err = ReadMapHeader(full)
		if n != c.n || len(rest) != 2*c.n || err != nil {
			t.Errorf("ReadMapHeader of %d: %d, %v", c.n, n, err)
		}
		if c.n > 0 {
			if _, _, err := ReadMapHeader(full[:len(full)-1]); !errors.Is(err, ErrCorrupt) {
				t.Errorf("ReadMapHeader of %d in too few bytes: %v", c.n, err)
			}
		}
	}
	for _, n := range []int{-1, math.MaxInt} {
		for name, f := range map[string]func([]byte, int) []byte{"array": AppendArrayHeader, "map": AppendMapHeader} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s header of %d did not panic", name, n)
					}
				}()
				f(nil, n)
			}()
		}
	}
}

// TestReadersAreStrict: each reader takes its own kind and nothing else, and
// what it returns cannot be appended to over the rest.
func TestReadersAreStrict(t *testing.T) {
	readers := map[kind]func([]byte) ([]byte, error){
		kindNil:    ReadNil,
		kindBool:   func(b []byte) ([]byte, error) { _, rest, err := ReadBool(b); return rest, err },
		kindInt:    func(b []byte) ([]byte, error) { _, rest, err := ReadInt(b); return rest, err },
		kindFloat:  func(b []byte) ([]byte, error) { _, rest, err := ReadFloat64(b); return rest, err },
		kindString: func(b []byte) ([]byte, error) { _, rest, err := ReadString(b); return rest, err },
		kindBytes:  func(b []byte) ([]byte, error) { _, rest, err := ReadBytes(b); return rest, err },
		kindArray:  func(b []byte) ([]byte, error) { _, rest, err := ReadArrayHeader(b); return rest, err },
		kindMap:    func(b []byte) ([]byte, error) { _, rest, err := ReadMapHeader(b); return rest, err },
		kindExt:    func(b []byte) ([]byte, error) { _, _, rest, err := ReadExt(b); return rest, err },
	}
	for _, b := range append(corpus(), nil, []byte{0xc1}) {
		for k, read := range readers {
			rest, err := read(b)
			switch got := kindOf(b); {
			case got == k && err != nil:
				t.Errorf("reading % x as %v: %v", head(b), k, err)
			case got == kindInvalid && !errors.Is(err, ErrCorrupt), got != k && got != kindInvalid && !errors.Is(err, ErrType):
				t.Errorf("reading % x as %v: %v", head(b), k, err)
			case err != nil && rest != nil:
				t.Errorf("reading % x as %v: an error and a rest", head(b), k)
			}
		}
	}
	b := append(AppendString(nil, "ab"), AppendBytes(nil, []byte("cd"))...)
	s, rest, _ := ReadString(b)
	d, _, _ := ReadBytes(rest)
	_, _ = append(s, 'x'), append(d, 'x')
	if !bytes.Equal(b, []byte("\xa2ab\xc4\x02cd")) {
		t.Errorf("appending to a part overwrote the rest: % x", b)
	}
	for _, b := range corpus() {
		read := readers[kindOf(b)]
		if n := testing.AllocsPerRun(10, func() { read(b) }); n != 0 {
			t.Errorf("reading % x allocates %v times", head(b), n)
		}
	}
}

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
