package document

import (
	"errors"
	"strconv"
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
	for _, data := range []string{"\x80", "\x81\xa1a\x01", "\x81\x01\x02", `{}`, `{"a":1}`} {
		var d Document
		if err := (Bounds{}).Decode([]byte(data), &d); err == nil {
			t.Errorf("%q is taken for our own", data)
		}
		if err := (Bounds{Foreign: true}).Decode([]byte(data), &d); err != nil {
			t.Errorf("%q: %v", data, err)
		}
		if d.Nameless() != (data == "\x81\x01\x02") {
			t.Errorf("%q: nameless %v", data, d.Nameless())
		}
	}
	for _, data := range []string{"", "1", "\x90", "\xc0", "garbage"} {
		err := Bounds{Foreign: true}.Decode([]byte(data), new(Document))
		if !errors.Is(err, errNoDocument) {
			t.Errorf("%q: %v", data, err)
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
