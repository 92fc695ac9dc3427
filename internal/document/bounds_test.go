package document

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// smallDocument has three values.
func smallDocument(format Format) Document {
	now := micros(time.Unix(1_760_000_000, 0))
	d := Document{format: format, meta: meta{
		created: now, authenticated: now, deadline: now + 1e9,
		commits: make([]byte, 2*commitIDBytes),
	}}
	for i := range 3 {
		d.fields = append(d.fields, field{name: []byte("n" + strconv.Itoa(i)), value: []byte("1")})
	}
	return d
}

// TestCountOfValues: as many values as there may be are read, and not one more.
func TestCountOfValues(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		d := smallDocument(format)
		data := d.Encode()
		if _, err := (Bounds{Values: 3}).slice(data, new(Document)); err != nil {
			t.Errorf("%v: %v", format, err)
		}
		_, err := Bounds{Values: 2}.slice(data, new(Document))
		if !errors.Is(err, errTooManyValues) {
			t.Errorf("%v: one too many: %v", format, err)
		}
	}
}

// TestDamaged: a record that is cut short, or goes on after its end, is refused, and leaves nothing
// of itself.
func TestDamaged(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		whole := smallDocument(format)
		notes := whole
		notes.fields = nil
		for _, d := range []Document{whole, notes} {
			data := d.Encode()
			got := smallDocument(format)
			for n := range data {
				if err := (Bounds{}).Decode(data[:n:n], &got); err == nil || got.fields != nil ||
					got.meta.deadline != 0 {
					t.Errorf("%v: %d of %d bytes: %v", format, n, len(data), err)
				}
			}
			for _, more := range []string{"\x00", "1", "}"} {
				longer := append(data[:len(data):len(data)], more...)
				if err := (Bounds{}).Decode(longer, &got); err == nil || got.fields != nil {
					t.Errorf("%v: %q follows: %v", format, more, err)
				}
			}
		}
	}
	d := smallDocument(MessagePack)
	err := Bounds{}.Decode(append(d.Encode(), 0), new(Document))
	if !errors.Is(err, errTrailing) {
		t.Errorf("%v", err)
	}
}

// TestNoRoomBehind: nothing that is appended to a name or a value of a record is written into it.
func TestNoRoomBehind(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		sample := smallDocument(format)
		data := sample.Encode()
		data = append(data, "behind"...)[:len(data)]
		var d Document
		if err := (Bounds{}).Decode(data, &d); err != nil {
			t.Fatal(err)
		}
		for _, f := range d.fields {
			if format == MessagePack && (cap(f.name) != len(f.name) ||
				cap(f.value) != len(f.value)) {
				t.Errorf("%s: room for %d and %d bytes", f.name, cap(f.name), cap(f.value))
			}
		}
		before := string(data)
		for _, f := range d.fields {
			_ = append(f.name, "###"...)
			_ = append(f.value, "###"...)
		}
		if commits := d.meta.commits; string(append(commits, "###"...)) == "" ||
			string(data) != before {
			t.Errorf("%v: the record was written to", format)
		}
	}
}

// TestForeignDocuments: a document without notes is read only where it may be another library's,
// and so is a key that is no string.
func TestForeignDocuments(t *testing.T) {
	for data, nameless := range map[string]bool{
		"\x80": false, "\x81\xa1a\x01": false, "\x81\x01\x02": true, `{}`: false, `{"a":1}`: false,
		"\x82\xa0\x01\x02\x03": true, "\x82\x02\x03\xa0\x01": true, // no key is the empty one
	} {
		var d Document
		if err := (Bounds{}).Decode([]byte(data), &d); err == nil {
			t.Errorf("%q is taken for our own", data)
		}
		if err := (Bounds{Foreign: true}).Decode([]byte(data), &d); err != nil {
			t.Errorf("%q: %v", data, err)
		}
		if d.Nameless() != nameless {
			t.Errorf("%q: nameless %v", data, d.Nameless())
		}
	}
	for _, data := range []string{"", "1", "\x90", "\xc0", "garbage"} {
		err := Bounds{Foreign: true}.Decode([]byte(data), new(Document))
		if !errors.Is(err, errNoDocument) {
			t.Errorf("%q: %v", data, err)
		}
	}
	for _, data := range []string{"\x81\xc1\x01", "\x82\x01\x02", "\x81\x01", "\x81\x01\xc1"} {
		if err := (Bounds{Foreign: true}).Decode([]byte(data), new(Document)); err == nil {
			t.Errorf("%q is read, and is not well-formed", data)
		}
	}
}

// TestOutgrows: a document outgrows another by one more value or by one more byte, of a name or of
// a value, whatever else became smaller.
func TestOutgrows(t *testing.T) {
	document := func(pairs ...string) *Document {
		d := Document{}
		for i := 0; i < len(pairs); i += 2 {
			d.fields = append(d.fields, field{name: []byte(pairs[i]), value: []byte(pairs[i+1])})
		}
		return &d
	}
	base := document("a", "11", "b", "22")
	for what, test := range map[string]struct {
		d    *Document
		want bool
	}{
		"itself":           {base, false},
		"a shorter value":  {document("a", "1", "b", "22"), false},
		"fewer":            {document("a", "1122"), false},
		"the same length":  {document("a", "1", "b", "222"), false},
		"a longer value":   {document("a", "11", "b", "222"), true},
		"a longer name":    {document("aa", "11", "b", "22"), true},
		"one, but longer":  {document("a", "1111111"), true},
		"more, but little": {document("a", "", "b", "", "c", ""), true},
	} {
		if got := test.d.Outgrows(base); got != test.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// TestVersions: notes of a later version, or of none, are not taken for ours, and no more commits
// than a record keeps.
func TestVersions(t *testing.T) {
	notes := func(version int64, commits int) []byte {
		data := msgpack.AppendString(msgpack.AppendMapHeader(nil, 1), nameReserved)
		data = msgpack.AppendString(msgpack.AppendMapHeader(data, 4), metaVersion)
		data = msgpack.AppendInt(data, version)
		data = msgpack.AppendInt(msgpack.AppendString(data, metaCreated), 1)
		data = msgpack.AppendInt(msgpack.AppendString(data, metaDeadline), 2)
		data = msgpack.AppendString(data, metaCommits)
		return msgpack.AppendBytes(data, make([]byte, commits*commitIDBytes))
	}
	for version, want := range map[int64]error{
		formatVersion + 1: errNewer, 0: errForeign, -1: errForeign, formatVersion: nil,
	} {
		if err := (Bounds{}).Decode(notes(version, 1), new(Document)); !errors.Is(err, want) ||
			(err == nil) != (want == nil) {
			t.Errorf("version %d: %v", version, err)
		}
		text := `{"_cloakroom":{"v":` + strconv.FormatInt(version, 10) +
			`,"created":1,"deadline":2,"commits":""}}`
		if err := (Bounds{}).Decode([]byte(text), new(Document)); !errors.Is(err, want) ||
			(err == nil) != (want == nil) {
			t.Errorf("version %d in JSON: %v", version, err)
		}
	}
	for _, commits := range []int{0, commitIDsKept, commitIDsKept + 1} {
		want := commits <= commitIDsKept
		err := Bounds{}.Decode(notes(formatVersion, commits), new(Document))
		if (err == nil) != want {
			t.Errorf("%d commits: %v", commits, err)
		}
		d := Document{format: JSON, meta: meta{created: 1, deadline: 2}}
		d.meta.commits = make([]byte, commits*commitIDBytes)
		if err := (Bounds{}).Decode(d.Encode(), new(Document)); (err == nil) != want {
			t.Errorf("%d commits in JSON: %v", commits, err)
		}
	}
}

// TestTwice: a name stands once, among few values or many. Keys that are no strings are no names.
func TestTwice(t *testing.T) {
	for _, values := range []int{4, 40} {
		var fields []field
		for i := range values / 2 {
			fields = append(fields, field{name: []byte(strconv.Itoa(i))}, field{})
		}
		if twice(fields) {
			t.Errorf("%d values: a name stands twice", values)
		}
		if fields[values-2].name = fields[0].name; !twice(fields) {
			t.Errorf("%d values: no name stands twice", values)
		}
	}
}

// TestDepth: what another library has written is read if it nests less than 8192 deep, in a value
// and in a key.
func TestDepth(t *testing.T) {
	b := Bounds{Foreign: true}
	for what, at := range map[string]struct{ before, open, shut, after string }{
		"a value": {"\x81\xa1a", "\x91", "", ""}, "a key": {"\x81", "\x91", "", "\x01"},
		"a value in JSON": {`{"a":`, "[", "]", "}"},
	} {
		nested := func(depth int) []byte {
			return []byte(at.before + strings.Repeat(at.open, depth) + "1" +
				strings.Repeat(at.shut, depth) + at.after)
		}
		if err := b.Decode(nested(readableDepth-1), new(Document)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := b.Decode(nested(readableDepth), new(Document)); err == nil {
			t.Errorf("%s that nests too deeply is read", what)
		}
	}
}

// TestDecodeReuses: a record is decoded into the memory of a former one's fields, if that is
// enough.
func TestDecodeReuses(t *testing.T) {
	sample := smallDocument(MessagePack)
	data := sample.Encode()
	fields := make([]field, 0, len(sample.fields))
	d := Document{fields: fields}
	if err := (Bounds{}).Decode(data, &d); err != nil || &d.fields[0] != &fields[:1][0] {
		t.Errorf("the memory is not used: %v", err)
	}
	if got := testing.AllocsPerRun(10, func() { _ = Bounds{}.Decode(data, &d) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
