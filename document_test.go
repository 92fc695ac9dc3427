package cloakroom

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
)

// sampleDocuments are what the benchmarks work on: a session with one value, and one
// that somebody signed in to, with a few.
func sampleDocuments(format Format) map[string]document {
	now := micros(time.Unix(1_760_000_000, 123_456_000))
	value := func(v any) []byte {
		encoded, err := format.encode(v)
		if err != nil {
			panic(err)
		}
		return encoded
	}
	small := document{format: format, meta: meta{created: now, deadline: now + 1e9, commits: make([]byte, commitIDBytes)}}
	small.fields = []field{{name: []byte("name"), value: value(string(bytes.Repeat([]byte("b"), 100)))}}
	large := document{format: format, meta: meta{
		created: now, authenticated: now, deadline: now + 1e9, owner: []byte("user-123456"),
		commits: make([]byte, commitIDsKept*commitIDBytes),
	}}
	large.meta.setText(metaUserAgent, "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0")
	large.meta.setText(metaIP, "192.0.2.17")
	large.fields = append(large.fields, small.fields[0], field{name: []byte("_permanent"), value: value(true)}, field{name: []byte("count"), value: value(17)},
		field{name: []byte("cart"), value: value(map[string]int{"apples": 1, "pears": 3})})
	return map[string]document{"small": small, "large": large}
}

func BenchmarkDocument(b *testing.B) {
	for name, d := range sampleDocuments(MessagePack) {
		data := d.encode()
		b.Run("decode/"+name, func(b *testing.B) {
			limits := bounds{bytes: 1 << 20, values: 256}
			b.ReportAllocs()
			for b.Loop() {
				var d document
				if err := limits.decode(data, &d); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data = d.encode()
			}
		})
	}
}

// TestReservedApart: the limit in bytes is for values. What Cloakroom notes comes on
// top, but not without end.
func TestReservedApart(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		d := sampleDocuments(format)["large"]
		data := d.encode()
		reserved, err := (bounds{values: 8}).slice(data, new(document))
		if err != nil {
			t.Fatal(err)
		}
		values := len(data) - reserved
		if err := (bounds{bytes: values, values: len(d.fields)}).check(data, len(d.fields)); err != nil {
			t.Errorf("%v: values of %d bytes: %v", format, values, err)
		}
		if err := (bounds{bytes: values - 1, values: 8}).check(data, len(d.fields)); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), strconv.Itoa(values)) {
			t.Errorf("%v: values of a byte too many: %v", format, err)
		}
		if err := (bounds{bytes: values, values: len(d.fields) - 1}).check(data, len(d.fields)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: a value too many: %v", format, err)
		}
		d.meta.owner = bytes.Repeat([]byte("o"), 2*reservedBytes)
		if err := (bounds{bytes: values + reservedBytes, values: 8}).check(d.encode(), len(d.fields)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: an owner without end: %v", format, err)
		}
	}
}

// TestLoweredLimits: what was stored under higher limits stays readable, up to a limit.
func TestLoweredLimits(t *testing.T) {
	low := bounds{bytes: 1024, values: 1}
	for _, format := range []Format{MessagePack, JSON} {
		var got document
		d := document{format: format, meta: meta{created: 1, deadline: 2}}
		value, _ := format.encode(strings.Repeat("v", 64))
		for i := range readableValues {
			d.fields = append(d.fields, field{name: []byte(strconv.Itoa(i)), value: value})
		}
		if err := low.decode(d.encode(), &got); err != nil || !sameFields(got.fields, d.fields) {
			t.Errorf("%v: %d values: %v", format, len(d.fields), err)
		}
		d.fields = append(d.fields, field{name: []byte("a"), value: value}, field{name: []byte("b"), value: value})
		if err := low.decode(d.encode(), &got); !errors.Is(err, errTooManyValues) || got.fields != nil {
			t.Errorf("%v: %d values: %v", format, len(d.fields), err)
		}
		if format == JSON {
			continue // 64 MiB take encoding/json a while
		}
		value, _ = format.encode(strings.Repeat("v", readableBytes))
		d.fields = []field{{name: []byte("a"), value: value}}
		if err := low.decode(d.encode(), &got); !errors.Is(err, errTooBig) || got.fields != nil {
			t.Errorf("%v: a value of %d bytes: %v", format, len(value), err)
		}
	}
}

func TestSameNameTwice(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		for _, values := range []int{2, 40} {
			d := document{format: format, meta: meta{created: 1, deadline: 2}}
			for i := range values {
				d.fields = append(d.fields, field{name: []byte(strconv.Itoa(i)), value: []byte("1")})
			}
			var got document
			if err := (bounds{}).decode(d.encode(), &got); err != nil {
				t.Fatal(err)
			}
			d.fields[values-1].name = d.fields[0].name
			if err := (bounds{}).decode(d.encode(), &got); !errors.Is(err, errTwice) || got.fields != nil {
				t.Errorf("%v: %d values: %v", format, values, err)
			}
		}
	}
}

// TestSameNameTwiceInForeignJSON: Python stores the keys 5 and "5" under one name, and
// takes the last.
func TestSameNameTwiceInForeignJSON(t *testing.T) {
	var d document
	b := bounds{values: 10, foreign: true}
	if err := b.decode([]byte(`{"5":1,"a":2,"5":[3],"\u0061":4}`), &d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range d.fields {
		got = append(got, string(f.name)+"="+string(f.value))
	}
	if want := []string{"5=[3]", "a=4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := b.decode([]byte(`{"a":1,"_cloakroom":{},"_cloakroom":{}}`), &d); !errors.Is(err, errTwice) {
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
			{created: 0, deadline: century, sealed: true},
		} {
			for texts := range 3 {
				if texts > 0 {
					m.setText(metaIP, "::1")
					m.setText(metaUserAgent, strings.Repeat("u", 300*(texts-1)+1))
				}
				if texts > 0 && m.sealed {
					m.setText(metaNext, "next")
					m.setText(metaNextOwner, "owner")
				}
				var got document
				d := document{format: format, meta: m}
				if err := (bounds{}).decode(d.encode(), &got); err != nil {
					t.Fatalf("%v %d: %v", format, i, err)
				}
				a, b := m, got.meta
				for _, name := range []string{metaUserAgent, metaIP, metaNext, metaNextOwner} {
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
		var got document
		for what, m := range map[string]meta{
			"a deadline beyond the years": {created: 1, deadline: latest + 1},
			"no deadline":                 {created: 1},
			"a broken commit id":          {created: 1, deadline: 2, commits: make([]byte, 7)},
		} {
			if (bounds{}).decode((&document{format: format, meta: m}).encode(), &got) == nil {
				t.Errorf("%v: %s was taken", format, what)
			}
		}
		m := meta{created: 1, deadline: 2}
		m.setText(metaNext, "id")
		if (bounds{}).decode((&document{format: format, meta: m}).encode(), &got) == nil {
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
		text(metaIP, "::1"), number("other", 7), text(metaUserAgent, "browser"), number(metaDeadline, 2), number(metaVersion, 1),
		text(metaOwner, "ann"), number(metaCreated, 1), msgpack.AppendBytes(msgpack.AppendString(nil, metaCommits), make([]byte, 16)),
	}
	for range entries {
		data := msgpack.AppendMapHeader(msgpack.AppendString(msgpack.AppendMapHeader(nil, 1), nameReserved), len(entries))
		data = append(data, bytes.Join(entries, nil)...)
		var d document
		if err := (bounds{}).decode(data, &d); err != nil {
			t.Fatal(err)
		}
		m := &d.meta
		if string(m.text(metaIP)) != "::1" || string(m.text(metaUserAgent)) != "browser" || string(m.owner) != "ann" || m.deadline != 2 || m.created != 1 || len(m.commits) != 16 {
			t.Errorf("%+v", m)
		}
		for _, cut := range []int{1, len(data) - len(entries[0]), len(data) - 1} {
			if (bounds{}).decode(data[:cut], &d) == nil {
				t.Errorf("%x was taken", data[:cut])
			}
		}
		entries = append(entries[1:], entries[0])
	}
	entries = append(entries, text(metaIP, "::2"))
	data := msgpack.AppendMapHeader(msgpack.AppendString(msgpack.AppendMapHeader(nil, 1), nameReserved), len(entries))
	if err := (bounds{}).decode(append(data, bytes.Join(entries, nil)...), new(document)); !errors.Is(err, errTwice) {
		t.Errorf("an address that stands twice: %v", err)
	}
}

// TestEncodeWith: it notes the commit that withCommit would, and leaves the list that
// it started from alone.
func TestEncodeWith(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		d := document{format: format, meta: meta{created: 1, deadline: 2}}
		for i := range 2 * commitIDsKept {
			id := commitID{byte(i)}
			want := d
			want.meta.commits = d.meta.withCommit(id)
			before := bytes.Clone(d.meta.commits)
			next := d
			data := next.encodeWith(id, false)
			if !bytes.Equal(data, want.encode()) || !bytes.Equal(next.meta.commits, want.meta.commits) {
				t.Fatalf("%v: %x after commit %d, want %x", format, data, i, want.encode())
			}
			if !bytes.Equal(before, d.meta.commits) {
				t.Fatalf("%v: commit %d wrote to the list before it", format, i)
			}
			if got := testing.AllocsPerRun(10, func() { next.encode() }); format == MessagePack && got != 1 {
				t.Errorf("encode: %v allocations", got)
			}
			d = next
		}
	}
}

// TestOwnFields: what a commit leaves points into its own record, and so keeps no former one.
func TestOwnFields(t *testing.T) {
	base := document{fields: []field{
		// the last has no name
		{name: []byte("a"), value: []byte("\xa1a")}, {name: []byte("b"), value: []byte("\xa1b")}, {value: []byte("\x01\xa1c")},
	}}
	d := draftOf(&base)
	d.setText("a", []byte("text"))
	d.setText("new", nil)
	want := []string{"a=\xa4text", "b=\xa1b", "=\x01\xa1c", "new=\xa0"}
	data := d.encodeWith(commitID{}, d.owned)
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
