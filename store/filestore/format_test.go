package filestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

func sample() record {
	return record{
		id: strings.Repeat("ab", 32),
		Record: store.Record{
			Owner: strings.Repeat("cd", 32), Version: "0123456789abcdef", Data: []byte("data"),
			Deadline: time.Unix(1<<40, 1), Expires: time.Unix(1<<40, 999_999_999),
		},
	}
}

func TestFormat(t *testing.T) {
	for name, change := range map[string]func(*record){
		"as it is":         func(*record) {},
		"no id, no owner":  func(r *record) { r.id, r.Owner = "", "" },
		"no data":          func(r *record) { r.Data = []byte{} },
		"no deadline":      func(r *record) { r.Deadline = time.Time{} },
		"long ago":         func(r *record) { r.Deadline = time.Unix(-1<<50, 3) },
		"in ages":          func(r *record) { r.Expires = time.Unix(1<<50, 4) },
		"a megabyte":       func(r *record) { r.Data = bytes.Repeat([]byte{0xff}, 1<<20) },
		"an id of no name": func(r *record) { r.id = "a short id" },
	} {
		want := sample()
		change(&want)
		b, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(b, folder.Name(want.id))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, times := range []*record{&got, &want} { // Equal, but for the location
			times.Deadline, times.Expires = times.Deadline.UTC(), times.Expires.UTC()
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestFormatLimits(t *testing.T) {
	for name, change := range map[string]func(*record){
		"data":  func(r *record) { r.Data = make([]byte, MaxRecord+1) },
		"id":    func(r *record) { r.id = strings.Repeat("x", 1<<16) },
		"owner": func(r *record) { r.Owner = strings.Repeat("x", 1<<16) },
	} {
		r := sample()
		change(&r)
		if _, err := encode(r); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%s above the limit: %v", name, err)
		}
	}
}

// Whatever the bytes are, decode neither panics nor accepts what encode would not have
// written.
func FuzzDecode(f *testing.F) {
	b, _ := encode(sample())
	f.Add(b)
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
			binary.BigEndian.PutUint32(b[sumAt:], checksum(b))
			check(t, b)
		}
	})
}

func check(t *testing.T, b []byte) {
	r, err := decode(b, sample().id)
	if err != nil {
		return
	}
	if r.Expires.Nanosecond() != int(binary.BigEndian.Uint32(b[expiresAt+8:])) ||
		r.Deadline.Nanosecond() != int(binary.BigEndian.Uint32(b[deadlineAt+8:])) {
		return // a second and more, which is another spelling of a time
	}
	again, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, b) {
		t.Fatalf("decoded and encoded again it is another file")
	}
}
