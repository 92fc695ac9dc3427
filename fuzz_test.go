package cloakroom

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// FuzzDecodeRecord: whatever a store holds is sliced or refused, without a panic, and what is
// sliced comes back the same after it was encoded.
func FuzzDecodeRecord(f *testing.F) {
	for _, format := range []Format{MessagePack, JSON} {
		d := document{format: format, meta: meta{
			created: 1, deadline: 2, authenticated: 3, owner: []byte("ann"), userAgent: []byte("x"), ip: []byte("::1"), commits: make([]byte, 32),
		}}
		value, err := format.encode(map[string][]int{"list": {1, 2}})
		if err != nil {
			f.Fatal(err)
		}
		d.fields = []field{{[]byte("a"), value}, {[]byte(`b"\`), value}}
		f.Add(d.encode())
		d.meta.sealed, d.meta.next, d.meta.nextOwner = true, []byte("id"), []byte("owner")
		f.Add(d.encode())
	}
	f.Add([]byte("\xdf\xff\xff\xff\xff"))
	f.Add([]byte("\x81\xa1a" + strings.Repeat("\x91", 100) + "\xc0"))
	f.Add([]byte(` {"a" : [{}, "\"]"] , "_cloakroom":{"v":1,"created":1,"deadline":2,"commits":null} } `))
	limits := bounds{bytes: 1 << 16, values: 32}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := limits.decode(data)
		if err != nil {
			return
		}
		if len(d.fields) > limits.values+1 {
			t.Fatalf("%d values", len(d.fields))
		}
		encoded := d.encode()
		again, err := (bounds{bytes: 1 << 20, values: 40}).decode(encoded)
		if err != nil {
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
	})
}

// FuzzCookie: whatever a browser sends, a ticket is well-formed or is none, and the parser agrees
// with net/http about well-formed ones.
func FuzzCookie(f *testing.F) {
	ticket := newTicket()
	f.Add("session="+ticket, "a=b")
	f.Add("a=b; session=x;session="+ticket+";", "session="+newTicket())
	f.Add("session=\""+ticket+"\"", "\x00;=;;")
	m := &Manager{options: Options{CookieName: "session"}}
	f.Fuzz(func(t *testing.T, line1, line2 string) {
		h := http.Header{"Cookie": {line1, line2}}
		got, presented := m.ticketIn(h)
		if got != "" && (!presented || !isTicket(got) || len(got) != ticketLength) {
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
