package pickle_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

type sample struct {
	name        string
	pickle      []byte
	description string
}

// samples are what Python wrote: testdata/gen.py.
func samples(t testing.TB) []sample {
	t.Helper()
	b, err := os.ReadFile("testdata/pickles.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	for line := range strings.Lines(string(b)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		p, err := hex.DecodeString(fields[2])
		if err != nil || len(fields) != 4 {
			t.Fatalf("line of %q: %v", fields[0], err)
		}
		all = append(all, sample{fields[0] + "/" + fields[1], p, fields[3]})
	}
	return all
}

// What Python pickled in any protocol is read as what it was, written, and read again.
func TestPython(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			v, err := pickle.Decode(s.pickle)
			if err != nil {
				t.Fatal(err)
			}
			if s.description == "object" {
				if got := rewrite(t, v); got != graph(v) {
					t.Errorf("read   %s\nreread %s", graph(v), got)
				}
				return
			}
			if got := describe(v); got != s.description {
				t.Errorf("read   %s\nwant   %s", got, s.description)
			}
			again, err := pickle.Append([]byte("before"), v)
			if err != nil {
				t.Fatal(err)
			}
			v, err = pickle.Decode(again[len("before"):])
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(v); got != s.description {
				t.Errorf("reread %s\nwant   %s", got, s.description)
			}
		})
	}
}

// A pickle cut short anywhere is refused.
func TestTruncated(t *testing.T) {
	for _, s := range samples(t) {
		if len(s.pickle) > 1000 {
			continue
		}
		for n := range s.pickle {
			if v, err := pickle.Decode(s.pickle[:n]); err == nil {
				t.Errorf("%s: the first %d bytes are read as %s", s.name, n, describe(v))
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, pickle string
		want         error
	}{
		{"empty", "", pickle.ErrMalformed},
		{"no value", ".", pickle.ErrMalformed},
		{"two values", "NN.", pickle.ErrMalformed},
		{"bytes after the end", "N.N", pickle.ErrMalformed},
		{"protocol 6", "\x80\x06N.", pickle.ErrMalformed},
		{"a frame that promises more", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", pickle.ErrMalformed},
		{"bytes that promise more", "B\xff\xff\xff\x7fab.", pickle.ErrMalformed},
		{"a str that promises 2^63", "\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.", pickle.ErrMalformed},
		{"an int that promises more", "\x8b\xff\xff\xff\x7fa.", pickle.ErrMalformed},
		{"a str that is not UTF-8", "\x8c\x01\xff.", pickle.ErrMalformed},
		{"a str of Python 2 that is not ASCII", "U\x01\xff.", pickle.ErrMalformed},
		{"an item for what takes none", "NNa.", pickle.ErrMalformed},
		{"a key without a value", "}(Nu.", pickle.ErrMalformed},
		{"an unhashable key", "}]Ns.", pickle.ErrMalformed},
		{"an unhashable item", "\x8f(]\x90.", pickle.ErrMalformed},
		{"a pop beyond the mark", "N(\x85.", pickle.ErrMalformed},
		{"no such memo", "h\x00.", pickle.ErrMalformed},
		{"an unknown instruction", "\xff.", pickle.ErrMalformed},
		{"a persistent id", "Px\n.", pickle.ErrObject},
		{"an extension", "\x82\x01.", pickle.ErrObject},
		{"an int of 4301 digits", "L" + strings.Repeat("1", 4301) + "L\n.", pickle.ErrTooLarge},
		{"a wide int", "\x8b\x00\x10\x00\x00" + strings.Repeat("\x01", 4096) + ".", pickle.ErrTooLarge},
		{"very many values", strings.Repeat("N", pickle.MaxValues+1) + ".", pickle.ErrTooLarge},
		{"very many marks", strings.Repeat("(", pickle.MaxValues+1) + ".", pickle.ErrTooLarge},
		{"a long key, very often", "X\x00\x00\x10\x00" + strings.Repeat("k", 1<<20) + "q\x00}" + strings.Repeat("h\x00Ns", 1000) + ".", pickle.ErrTooLarge},
	} {
		v, err := pickle.Decode([]byte(c.pickle))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, error %v, want %v", c.name, v, err, c.want)
		}
	}
}

// The name of a class is in the error that refuses it, if it looks like one.
func TestRefusal(t *testing.T) {
	for p, want := range map[string]string{"cos\nsystem\n.": "os.system", "cos\nsystem\n)R.": "os.system", "cos\nse cret\n.": ""} {
		v, err := pickle.Decode([]byte(p))
		if err != nil {
			t.Fatal(err)
		}
		err = pickle.Refusal(v)
		if !errors.Is(err, pickle.ErrObject) || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "cret") {
			t.Errorf("%q: error %v", p, err)
		}
	}
}

// Keys are equal as they are in Python.
func TestKeys(t *testing.T) {
	d := &pickle.Dict{}
	for _, key := range []pickle.Value{int64(1), true, 1.0, "1", pickle.Bytes("1"), nil, 1.5, pickle.Tuple{int64(1)}, pickle.Tuple{1.0}, big.NewInt(1), math.NaN(), math.NaN()} {
		if err := d.Set(key, describe(key)); err != nil {
			t.Fatal(err)
		}
	}
	want := `{i1:s6931,s31:s733331,b31:s623331,None:s4e6f6e65,` // and on
	if got := describe(d); !strings.HasPrefix(got, want) || len(d.Keys) != 8 {
		t.Errorf("%d keys: %s", len(d.Keys), got)
	}
	if v, ok := d.Get("1"); !ok || v != "s31" {
		t.Errorf("Get returned %v, %v", v, ok)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.pickle) < 1000 {
			f.Add(s.pickle)
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v, err := pickle.Decode(p)
		if err != nil {
			if !errors.Is(err, pickle.ErrMalformed) && !errors.Is(err, pickle.ErrObject) && !errors.Is(err, pickle.ErrTooLarge) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		out, err := pickle.Append(nil, v)
		if errors.Is(err, pickle.ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := pickle.Decode(out)
		if errors.Is(err, pickle.ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if a, b := graph(v), graph(again); a != b {
			t.Errorf("read %s, reread %s", a, b)
		}
	})
}

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
