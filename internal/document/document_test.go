package document

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"

	"github.com/cloakroom-go/cloakroom/store"
)

// sampleDocuments are what the benchmarks work on: a session with one value, and one
// of an owner, with a few.
func sampleDocuments(format Format) map[string]Document {
	now := micros(time.Unix(1_760_000_000, 123_456_000))
	value := func(v any) []byte {
		encoded, err := format.encode(v)
		if err != nil {
			panic(err)
		}
		return encoded
	}
	small := Document{format: format, meta: meta{created: now, deadline: now + 1e9, commits: make([]byte, commitIDBytes)}}
	small.fields = []field{{name: []byte("name"), value: value(string(bytes.Repeat([]byte("b"), 100)))}}
	large := Document{format: format, meta: meta{
		created: now, authenticated: now, deadline: now + 1e9, owner: []byte("user-123456"),
		commits: make([]byte, commitIDsKept*commitIDBytes),
	}}
	large.meta.setText(UserAgent, "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0")
	large.meta.setText(IP, "192.0.2.17")
	large.fields = append(large.fields, small.fields[0], field{name: []byte("_permanent"), value: value(true)}, field{name: []byte("count"), value: value(17)},
		field{name: []byte("cart"), value: value(map[string]int{"apples": 1, "pears": 3})})
	return map[string]Document{"small": small, "large": large}
}

func BenchmarkDocument(b *testing.B) {
	for name, d := range sampleDocuments(MessagePack) {
		data := d.Encode()
		b.Run("decode/"+name, func(b *testing.B) {
			limits := Bounds{Bytes: 1 << 20, Values: 256}
			b.ReportAllocs()
			for b.Loop() {
				var d Document
				if err := limits.Decode(data, &d); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data = d.Encode()
			}
		})
	}
}

// TestReservedApart: the limit in bytes is for values. What Cloakroom notes comes on
// top, but not without end.
func TestReservedApart(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		d := sampleDocuments(format)["large"]
		data := d.Encode()
		reserved, err := (Bounds{Values: 8}).slice(data, new(Document))
		if err != nil {
			t.Fatal(err)
		}
		values := len(data) - reserved
		if err := (Bounds{Bytes: values, Values: len(d.fields)}).Check(data, len(d.fields)); err != nil {
			t.Errorf("%v: values of %d bytes: %v", format, values, err)
		}
		if err := (Bounds{Bytes: values - 1, Values: 8}).Check(data, len(d.fields)); !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), strconv.Itoa(values)) {
			t.Errorf("%v: values of a byte too many: %v", format, err)
		}
		if err := (Bounds{Bytes: values, Values: len(d.fields) - 1}).Check(data, len(d.fields)); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%v: a value too many: %v", format, err)
		}
		d.meta.owner = bytes.Repeat([]byte("o"), 2*reservedBytes)
		if err := (Bounds{Bytes: values + reservedBytes, Values: 8}).Check(d.Encode(), len(d.fields)); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%v: an owner without end: %v", format, err)
		}
		if (Bounds{}).Check([]byte("no document"), 0) == nil {
			t.Error("what is no document is within the bounds")
		}
	}
}

// TestLoweredLimits: what was stored under higher limits stays readable, up to a limit.
func TestLoweredLimits(t *testing.T) {
	low := Bounds{Bytes: 1024, Values: 1}
	for _, format := range []Format{MessagePack, JSON} {
		var got Document
		d := Document{format: format, meta: meta{created: 1, deadline: 2}}
		value, _ := format.encode(strings.Repeat("v", 64))
		for i := range readableValues {
			d.fields = append(d.fields, field{name: []byte(strconv.Itoa(i)), value: value})
		}
		if err := low.Decode(d.Encode(), &got); err != nil || !sameFields(got.fields, d.fields) {
			t.Errorf("%v: %d values: %v", format, len(d.fields), err)
		}
		d.fields = append(d.fields, field{name: []byte("a"), value: value}, field{name: []byte("b"), value: value})
		if err := low.Decode(d.Encode(), &got); !errors.Is(err, errTooManyValues) || got.fields != nil {
			t.Errorf("%v: %d values: %v", format, len(d.fields), err)
		}
		if format == JSON {
			continue // 64 MiB take encoding/json a while
		}
		value, _ = format.encode(strings.Repeat("v", readableBytes))
		d.fields = []field{{name: []byte("a"), value: value}}
		if err := low.Decode(d.Encode(), &got); !errors.Is(err, errTooBig) || got.fields != nil {
			t.Errorf("%v: a value of %d bytes: %v", format, len(value), err)
		}
	}
}

func TestSameNameTwice(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		for _, values := range []int{2, 40} {
			d := Document{format: format, meta: meta{created: 1, deadline: 2}}
			for i := range values {
				d.fields = append(d.fields, field{name: []byte(strconv.Itoa(i)), value: []byte("1")})
			}
			var got Document
			if err := (Bounds{}).Decode(d.Encode(), &got); err != nil {
				t.Fatal(err)
			}
			d.fields[values-1].name = d.fields[0].name
			if err := (Bounds{}).Decode(d.Encode(), &got); !errors.Is(err, errTwice) || got.fields != nil {
				t.Errorf("%v: %d values: %v", format, values, err)
			}
		}
	}
}

// TestSameNameTwiceInForeignJSON: Python stores the keys 5 and "5" under one name, and
// takes the last.
func TestSameNameTwiceInForeignJSON(t *testing.T) {
	var d Document
	b := Bounds{Values: 10, Foreign: true}
	if err := b.Decode([]byte(`{"5":1,"a":2,"5":[3],"\u0061":4}`), &d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range d.fields {
		got = append(got, string(f.name)+"="+string(f.value))
	}
	if want := []string{"5=[3]", "a=4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := b.Decode([]byte(`{"a":1,"_cloakroom":{},"_cloakroom":{}}`), &d); !errors.Is(err, errTwice) {
		t.Errorf("our own notes twice: %v", err)
	}
}

// TestMeta: everything that is noted comes back, in either format, whatever is missing.
func TestMeta(t *testing.T) {
	century := micros(time.Now().AddDate(100, 0, 0))
	for _, format := range []Format{MessagePack, JSON} {
		for i, m := range []meta{
			{created: 1, deadline: 2},
			{created: century, deadline: latest},
			{created: century, deadline: latest, authenticated: 5, owner: []byte("\xff"), commits: make([]byte, 8)},
			{created: 1, deadline: 2, authenticated: century, owner: []byte("ann")},
			{created: 0, deadline: century, sealed: true},
		} {
			for texts := range 3 {
				if texts > 0 {
					m.setText(IP, "::1")
					m.setText(UserAgent, strings.Repeat("u", 300*(texts-1)+1))
				}
				if texts > 0 && m.sealed {
					m.setText(Next, "next")
					m.setText(NextOwner, "owner")
				}
				var got Document
				d := Document{format: format, meta: m}
				if err := (Bounds{}).Decode(d.Encode(), &got); err != nil {
					t.Fatalf("%v %d: %v", format, i, err)
				}
				a, b := m, got.meta
				for _, name := range []string{UserAgent, IP, Next, NextOwner} {
					if string(a.text(name)) != string(b.text(name)) {
						t.Errorf("%v %d: %s is %q, want %q", format, i, name, b.text(name), a.text(name))
					}
				}
				a.texts, b.texts = nil, nil
				if string(a.commits) == string(b.commits) {
					a.commits, b.commits = nil, nil
				}
				if !reflect.DeepEqual(a, b) {
					t.Errorf("%v %d: %+v, want %+v", format, i, b, a)
				}
			}
		}
		var got Document
		for what, m := range map[string]meta{
			"a deadline beyond the years": {created: 1, deadline: latest + 1},
			"no deadline":                 {created: 1},
			"a broken commit id":          {created: 1, deadline: 2, commits: make([]byte, 7)},
		} {
			if (Bounds{}).Decode((&Document{format: format, meta: m}).Encode(), &got) == nil {
				t.Errorf("%v: %s was taken", format, what)
			}
		}
		m := meta{created: 1, deadline: 2}
		m.setText(Next, "id")
		if (Bounds{}).Decode((&Document{format: format, meta: m}).Encode(), &got) == nil {
			t.Errorf("%v: a next session without a seal was taken", format)
		}
	}
}

// TestMetaInAnyOrder: what stands under the reserved name is a map, so its order means
// nothing, and a later version may add to it.
func TestMetaInAnyOrder(t *testing.T) {
	number := func(name string, n int64) []byte { return msgpack.AppendInt(msgpack.AppendString(nil, name), n) }
	text := func(name, s string) []byte { return msgpack.AppendString(msgpack.AppendString(nil, name), s) }
	entries := [][]byte{
		text(IP, "::1"), number("other", 7), text(UserAgent, "browser"), number(metaDeadline, 2), number(metaVersion, 1),
		number(metaAuthenticated, 3), text(Next, "next"),
		msgpack.AppendBool(msgpack.AppendString(nil, metaSealed), true),
		text(metaOwner, "ann"), number(metaCreated, 1), msgpack.AppendBytes(msgpack.AppendString(nil, metaCommits), make([]byte, 16)),
	}
	for range entries {
		data := msgpack.AppendMapHeader(msgpack.AppendString(msgpack.AppendMapHeader(nil, 1), nameReserved), len(entries))
		data = append(data, bytes.Join(entries, nil)...)
		var d Document
		if err := (Bounds{}).Decode(data, &d); err != nil {
			t.Fatal(err)
		}
		m := &d.meta
		if m.authenticated != 3 || !m.sealed || string(m.text(Next)) != "next" ||
			string(m.text(IP)) != "::1" || string(m.text(UserAgent)) != "browser" ||
			string(m.owner) != "ann" || m.deadline != 2 || m.created != 1 || len(m.commits) != 16 {
			t.Errorf("%+v", m)
		}
		for _, cut := range []int{1, len(data) - len(entries[0]), len(data) - 1} {
			if (Bounds{}).Decode(data[:cut], &d) == nil {
				t.Errorf("%x was taken", data[:cut])
			}
		}
		entries = append(entries[1:], entries[0])
	}
	entries = append(entries, text(IP, "::2"))
	data := msgpack.AppendMapHeader(msgpack.AppendString(msgpack.AppendMapHeader(nil, 1), nameReserved), len(entries))
	if err := (Bounds{}).Decode(append(data, bytes.Join(entries, nil)...), new(Document)); !errors.Is(err, errTwice) {
		t.Errorf("an address that stands twice: %v", err)
	}
}

// TestEncodeWith: it notes the commit that withCommit would, and leaves the list that
// it started from alone.
func TestEncodeWith(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		d := Document{format: format, meta: meta{created: 1, deadline: 2}}
		for i := range 2 * commitIDsKept {
			id := CommitID{byte(i)}
			want := d
			want.meta.commits = d.meta.withCommit(id)
			before := bytes.Clone(d.meta.commits)
			next := d
			data := next.EncodeWith(id, false)
			if !bytes.Equal(data, want.Encode()) || !bytes.Equal(next.meta.commits, want.meta.commits) {
				t.Fatalf("%v: %x after commit %d, want %x", format, data, i, want.Encode())
			}
			if !bytes.Equal(before, d.meta.commits) {
				t.Fatalf("%v: commit %d wrote to the list before it", format, i)
			}
			if got := testing.AllocsPerRun(10, func() { next.Encode() }); format == MessagePack && got != 1 {
				t.Errorf("encode: %v allocations", got)
			}
			d = next
		}
	}
}

// TestOwnFields: what a commit leaves points into its own record, and so keeps no former one.
func TestOwnFields(t *testing.T) {
	base := Document{fields: []field{
		// the last has no name
		{name: []byte("a"), value: []byte("\xa1a")}, {name: []byte("b"), value: []byte("\xa1b")}, {value: []byte("\x01\xa1c")},
	}}
	d := base.Draft()
	d.setText("a", []byte("text"))
	d.setText("new", nil)
	want := []string{"a=\xa4text", "b=\xa1b", "=\x01\xa1c", "new=\xa0"}
	data := d.EncodeWith(CommitID{}, d.owned)
	for i := range d.fields {
		if got := string(d.fields[i].name) + "=" + string(d.fields[i].value); got != want[i] || d.fields[i].bare {
			t.Errorf("%q, want %q", got, want[i])
		}
	}
	if d.span != len(data) || len(data) != cap(data) {
		t.Errorf("span %d, capacity %d, want the length %d", d.span, cap(data), len(data))
	}
	clear(data)
	for i := range d.fields {
		for _, b := range slices.Concat(d.fields[i].name, d.fields[i].value) {
			if b != 0 {
				t.Errorf("field %d lies elsewhere", i)
			}
		}
	}
	if string(base.fields[0].value) != "\xa1a" || base.fields[0].bare || string(base.fields[1].name) != "b" {
		t.Error("the base was changed")
	}
}

// TestNames: the names that a Key takes, and no others.
func TestNames(t *testing.T) {
	d := Document{fields: []field{
		{name: []byte("b")}, {name: []byte(NamePermanent)}, {name: []byte(NameFlashes)},
		{value: []byte("a key that is no string, and its value")}, {name: []byte("a")},
		{name: []byte("")}, {name: []byte("\xff")},
	}}
	if got := d.Names(); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("%q", got)
	}
}
