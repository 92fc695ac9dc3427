package document

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecodeRecord: whatever a store holds is sliced or refused, without a panic, and what is
// sliced comes back the same after it was encoded.
func FuzzDecodeRecord(f *testing.F) {
	for _, format := range []Format{MessagePack, JSON} {
		d := Document{format: format, meta: meta{
			created: 1, deadline: 2, authenticated: 3, owner: []byte("ann"), commits: make([]byte, 32),
		}}
		d.meta.setText(UserAgent, "x")
		d.meta.setText(IP, "::1")
		value, err := format.encode(map[string][]int{"list": {1, 2}})
		if err != nil {
			f.Fatal(err)
		}
		d.fields = []field{{name: []byte("a"), value: value}, {name: []byte(`b"\`), value: value}}
		f.Add(d.Encode())
		d.meta.sealed = true
		d.meta.setText(Next, "id")
		d.meta.setText(NextOwner, "owner")
		f.Add(d.Encode())
	}
	f.Add([]byte("\xdf\xff\xff\xff\xff"))
	f.Add([]byte("\x81\xa1a" + strings.Repeat("\x91", 100) + "\xc0"))
	f.Add([]byte(` {"a" : [{}, "\"]"] , "_cloakroom":{"v":1,"created":1,"deadline":2,"commits":null} } `))
	f.Add([]byte("\x82\xa1a\x01\x07\xa5seven"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, foreign := range []bool{false, true} {
			limits := Bounds{Bytes: 1 << 16, Values: 32, Foreign: foreign}
			var d, again Document
			if limits.Decode(data, &d) != nil {
				continue
			}
			if len(d.fields) > readableValues {
				t.Fatalf("%d values", len(d.fields))
			}
			if d.meta.deadline == 0 && foreign {
				d.meta.deadline = 1
			}
			encoded := d.Encode()
			if err := limits.Decode(encoded, &again); err != nil {
				t.Fatalf("%q became %q: %v", data, encoded, err)
			}
			if !sameFields(d.fields, again.fields) || again.format != d.format || !bytes.Equal(again.Encode(), encoded) {
				t.Fatalf("%q became %q, which is another document", data, encoded)
			}
			for _, f := range d.fields {
				var v any
				_ = d.format.decode(f.value, &v)
				d.format.truth(f.value)
			}
		}
	})
}

// FuzzJSON: the JSON slicer takes what encoding/json takes for an object, and finds the
// same members.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[{"c":"]}\"\\"}],"d\u0041":null, "":{} }`))
	f.Add([]byte(` { } `))
	f.Add([]byte(`{"a" : -1.5e+3 , "a":2}`))
	f.Add([]byte(`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`))
	limits := Bounds{Bytes: 1 << 16, Values: 64}
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, reserve, err := limits.sliceJSON(data)
		var members map[string]json.RawMessage
		oracle := json.Unmarshal(data, &members)
		if err == nil && oracle != nil {
			t.Fatalf("%q: encoding/json says %v", data, oracle)
		}
		if err != nil {
			return // it has limits of its own, and refuses a name that stands twice
		}
		if reserve != nil {
			fields = append(fields, field{name: []byte(nameReserved), value: reserve})
		}
		for _, f := range fields {
			name := strings.ToValidUTF8(string(f.name), "\ufffd")
			if want, ok := members[name]; utf8.Valid(f.name) && (!ok || !bytes.Equal(f.value, want)) {
				t.Fatalf("%q: member %q is %q, want %q", data, f.name, f.value, want)
			}
		}
		if len(fields) < len(members) {
			t.Fatalf("%q: %d members, want %d", data, len(fields), len(members))
		}
	})
}
