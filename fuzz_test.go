package cloakroom

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

// FuzzDecodeRecord: whatever a store holds is sliced or refused, without a panic, and what is
// sliced comes back the same after it was encoded.
func FuzzDecodeRecord(f *testing.F) {
	for _, format := range []Format{MessagePack, JSON} {
		d := document{format: format, meta: meta{
			created: 1, deadline: 2, authenticated: 3, owner: []byte("ann"), commits: make([]byte, 32),
		}}
		d.meta.setText(metaUserAgent, "x")
		d.meta.setText(metaIP, "::1")
		value, err := format.encode(map[string][]int{"list": {1, 2}})
		if err != nil {
			f.Fatal(err)
		}
		d.fields = []field{{name: []byte("a"), value: value}, {name: []byte(`b"\`), value: value}}
		f.Add(d.encode())
		d.meta.sealed = true
		d.meta.setText(metaNext, "id")
		d.meta.setText(metaNextOwner, "owner")
		f.Add(d.encode())
	}
	f.Add([]byte("\xdf\xff\xff\xff\xff"))
	f.Add([]byte("\x81\xa1a" + strings.Repeat("\x91", 100) + "\xc0"))
	f.Add([]byte(` {"a" : [{}, "\"]"] , "_cloakroom":{"v":1,"created":1,"deadline":2,"commits":null} } `))
	f.Add([]byte("\x82\xa1a\x01\x07\xa5seven"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, foreign := range []bool{false, true} {
			limits := bounds{bytes: 1 << 16, values: 32, foreign: foreign}
			var d, again document
			if limits.decode(data, &d) != nil {
				continue
			}
			if len(d.fields) > readableValues {
				t.Fatalf("%d values", len(d.fields))
			}
			if d.meta.deadline == 0 && foreign {
				d.meta.deadline = 1
			}
			encoded := d.encode()
			if err := limits.decode(encoded, &again); err != nil {
				t.Fatalf("%q became %q: %v", data, encoded, err)
			}
			if !sameFields(d.fields, again.fields) || again.format != d.format || !bytes.Equal(again.encode(), encoded) {
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
	limits := bounds{bytes: 1 << 16, values: 64}
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

// FuzzCookie: whatever a browser sends, a ticket is well-formed or is none, and the
// parser agrees with net/http about well-formed ones.
func FuzzCookie(f *testing.F) {
	fresh := ticket.New()
	f.Add("session="+fresh, "a=b")
	f.Add("a=b; session=x;session="+fresh+";", "session="+ticket.New())
	f.Add("session=\""+fresh+"\"", "\x00;=;;")
	m := &Manager{options: Options{CookieName: "session"}}
	f.Fuzz(func(t *testing.T, line1, line2 string) {
		h := http.Header{"Cookie": {line1, line2}}
		all := m.ticketsIn(h["Cookie"])
		got := all.first
		if got != "" && (all.sent == 0 || !ticket.Valid(got) || len(got) != ticket.Length) ||
			len(all.others) >= min(maxCandidates, max(all.sent, 1)) || slices.Contains(all.others, got) {
			t.Fatalf("%q gave %q", h, got)
		}
		if got == "" {
			return
		}
		for _, c := range (&http.Request{Header: h}).Cookies() {
			if c.Name == "session" && !c.Quoted && c.Value == got {
				return
			}
		}
		t.Fatalf("net/http finds no %q in %q", got, h)
	})
}

// FuzzCacheControl: whatever a handler says, the result refuses shared caches, and says
// so once more when it is given back.
func FuzzCacheControl(f *testing.F) {
	for _, line := range []string{"public, max-age=60", `private="a, b", s-maxage=1`, "no-store, must-understand", `x="\"`, ",=,"} {
		f.Add(line, "")
	}
	f.Fuzz(func(t *testing.T, line1, line2 string) {
		lines := []string{line1, line2}
		if line, changed := private(lines); changed {
			lines = []string{line}
			if again, changed := private(lines); changed {
				t.Fatalf("%q, %q gives %q, and that %q", line1, line2, line, again)
			}
		}
		refuses := false
		for directive := range directives(lines) {
			name, _, has := strings.Cut(strings.ToLower(directive), "=")
			switch name = strings.TrimSpace(name); {
			case name == "public", name == "s-maxage", name == "must-understand":
				t.Fatalf("%q says %q", lines, directive)
			case name == "no-store", name == "private" && !has:
				refuses = true
			}
		}
		if !refuses {
			t.Fatalf("%q refuses nothing", lines)
		}
	})
}
