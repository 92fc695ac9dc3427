package filestore

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

func sample() *record {
	return &record{
		id: strings.Repeat("ab", 32), owner: strings.Repeat("cd", 32), version: "0123456789abcdef",
		data: []byte("data"), deadline: 1 << 60, expires: 1 << 59,
	}
}

func TestFormat(t *testing.T) {
	for _, change := range []func(*record){
		func(*record) {},
		func(r *record) { r.id, r.owner = "", "" },
		func(r *record) { r.data = nil },
		func(r *record) { r.deadline, r.expires = noTime, -1 },
		func(r *record) { r.data = bytes.Repeat([]byte{0xff}, 1<<20) },
	} {
		want := sample()
		change(want)
		b, err := encode(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(b, want.id)
		if err != nil {
			t.Fatal(err)
		}
		if got.id != want.id || got.owner != want.owner || got.version != want.version || !bytes.Equal(got.data, want.data) ||
			got.deadline != want.deadline || got.expires != want.expires {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	r := sample()
	r.data = make([]byte, MaxRecord+1)
	if _, err := encode(nil, r); err != store.ErrTooLarge {
		t.Errorf("data above the limit: %v", err)
	}
}

// Whatever the bytes are, decode neither panics nor accepts what encode would not have
// written.
func FuzzDecode(f *testing.F) {
	b, _ := encode(nil, sample())
	f.Add(b)
	touched := bytes.Clone(b)
	copy(touched[slotAt+slotSize:], encodeSlot(sample().version, 7, 2))
	f.Add(touched)
	f.Add(b[:headerSize])
	f.Add([]byte(magic))
	huge := bytes.Clone(b)
	copy(huge[lengthsAt:], "\xff\xff\xff\xff\xff\xff\xff\xff")
	f.Add(huge)
	// A fuzzer finds no checksum, so it is also given bytes whose checksum was made right.
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, b)
		if len(b) >= headerSize {
			b = bytes.Clone(b)
			copy(b, magic)
			version := string(b[versionAt : versionAt+versionSize])
			slot := encodeSlot(version, 5, 9)
			copy(b[slotAt:], slot)
			sum := checksum(b)
			b[sumAt], b[sumAt+1], b[sumAt+2], b[sumAt+3] = byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)
			check(t, b)
		}
	})
}

func check(t *testing.T, b []byte) {
	r, err := decode(b, "")
	if err != nil {
		return
	}
	again, err := encode(nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again[sumAt:], b[sumAt:]) {
		t.Fatalf("decoded and encoded again it is another file")
	}
}

func TestFileNames(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"", "a", "A", "a ", "../a", "con", strings.Repeat("a", 255), strings.Repeat("A", 64), strings.Repeat("a", 64), strings.Repeat("a", 63), "x" + strings.Repeat("a", 64)} {
		name := fileName(id)
		if before, ok := seen[strings.ToLower(name)]; ok {
			t.Errorf("%q and %q have one name", id, before)
		}
		seen[strings.ToLower(name)] = id
		if !isName(name) || strings.ContainsAny(name, `/\.`) {
			t.Errorf("%q is named %q", id, name)
		}
	}
}
