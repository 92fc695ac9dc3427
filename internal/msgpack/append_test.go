package msgpack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
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
