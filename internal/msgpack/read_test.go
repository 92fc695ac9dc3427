package msgpack

import (
	"bytes"
	"errors"
	"testing"
)

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
