package document

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestNotUTF8: a string that is not UTF-8 is refused where JSON would change it, and comes back as
// it is from MessagePack.
func TestNotUTF8(t *testing.T) {
	if _, err := Encode(JSON, "k", "\xff"); err == nil {
		t.Error("JSON takes what it cannot hold")
	}
	value, err := Encode(MessagePack, "k", "\xff")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode[string](Value{bytes: value}, "k")
	if err != nil || got != "\xff" {
		t.Errorf("%q, %v", got, err)
	}
}

// unmarshaler fails with what it reads.
type unmarshaler struct{}

func (unmarshaler) UnmarshalJSON(b []byte) error { return errors.New(string(b)) }

// TestErrorsQuoteNothing: an error says which value cannot be read, and as what, and quotes none of
// it, since it may be secret.
func TestErrorsQuoteNothing(t *testing.T) {
	decode := func(text string, as func(Value, string) error) error {
		return as(Value{bytes: []byte(text), format: JSON}, "k")
	}
	number := func(at Value, name string) error { _, err := Decode[int8](at, name); return err }
	own := func(at Value, name string) error { _, err := Decode[unmarshaler](at, name); return err }
	for _, test := range []struct {
		text string
		as   func(Value, string) error
		want string
	}{
		{`"secret"`, number, "JSON string does not fit Go type int8"},
		{`777`, number, "JSON number does not fit Go type int8"},
		{`"secret`, number, "not JSON at byte 7"},
		{`"secret"`, own, "unmarshal method failed"},
	} {
		err := decode(test.text, test.as)
		if err == nil {
			t.Errorf("%s: no error", test.text)
			continue
		}
		var named *DecodeError
		text := err.Error()
		if !errors.As(err, &named) || named.Name != "k" || !strings.Contains(text, `"k"`) ||
			!strings.Contains(text, test.want) || strings.Contains(text, "secret") ||
			strings.Contains(text, "777") {
			t.Errorf("%s: %v", test.text, err)
		}
	}
	var typ *json.UnmarshalTypeError
	if err := decode(`777`, number); !errors.As(err, &typ) {
		t.Errorf("the error of encoding/json is lost: %v", err)
	}
	whole := (&DecodeError{Err: errTrailing}).Error()
	if !strings.Contains(whole, "record cannot be read") || strings.Contains(whole, `""`) {
		t.Error(whole)
	}
}

// TestItems: a list gives its items, an absent value and null none, and what is no list, or ends
// before its items do, is an error.
func TestItems(t *testing.T) {
	for _, test := range []struct {
		format Format
		value  string
		want   int // -1 for an error
	}{
		{MessagePack, "", 0}, {MessagePack, "\xc0", 0}, {MessagePack, "\x90", 0},
		{MessagePack, "\x92\x01\xa1a", 2}, {MessagePack, "\xa1a", -1},
		{MessagePack, "\x92\x01", -1}, {MessagePack, "\x92\x01\xa2a", -1},
		{MessagePack, "\xdd\xff\xff\xff\xff\x01", -1}, // without room for so many first
		{JSON, "", 0}, {JSON, "null", 0}, {JSON, "[]", 0}, {JSON, `[1,"a"]`, 2},
		{JSON, `"a"`, -1}, {JSON, "[1", -1},
	} {
		items, err := Value{bytes: []byte(test.value), format: test.format}.Items()
		if (err != nil) != (test.want < 0) || err == nil && len(items) != test.want {
			t.Errorf("%v %q: %d items, %v", test.format, test.value, len(items), err)
		}
	}
	items, err := Value{bytes: []byte("\x92\x01\xa1a")}.Items()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode[string](items[1], "k"); err != nil || got != "a" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestDepthOfValues: what is set may nest as deep as what is decoded, and no deeper.
func TestDepthOfValues(t *testing.T) {
	nested := func(depth int) any {
		var v any = true
		for range depth {
			v = []any{v}
		}
		return v
	}
	for _, format := range []Format{MessagePack, JSON} {
		deep := nested(maxDepth - 1)
		value, err := Encode(format, "k", deep)
		if err != nil {
			t.Fatalf("%v: %v", format, err)
		}
		got, err := Decode[any](Value{bytes: value, format: format}, "k")
		if err != nil || !reflect.DeepEqual(got, deep) {
			t.Errorf("%v: %v, %v", format, got, err)
		}
		if _, err := Encode(format, "k", nested(maxDepth)); err == nil {
			t.Errorf("%v: a value is stored that nests too deeply", format)
		}
	}
}

// TestTruth: a flag is set by true alone, and not by what only resembles it.
func TestTruth(t *testing.T) {
	for _, test := range []struct {
		format Format
		value  string
		want   bool
	}{
		{MessagePack, "\xc3", true}, {MessagePack, "\xc2", false}, {MessagePack, "\x01", false},
		{MessagePack, "\xc3\xc3", false}, {MessagePack, "\xc0", false}, {MessagePack, "", false},
		{JSON, "true", true}, {JSON, "false", false}, {JSON, "1", false}, {JSON, "null", false},
		{JSON, "", false},
	} {
		if got := test.format.truth([]byte(test.value)); got != test.want {
			t.Errorf("%v %q: %v", test.format, test.value, got)
		}
	}
	null, absent := Value{bytes: []byte("null"), format: JSON}, Absent(JSON)
	if !null.Null() || !null.Present() || absent.Present() || absent.Format() != JSON {
		t.Error("null is absent, or what is absent is not")
	}
	if MessagePack.String() != "MessagePack" || JSON.String() != "JSON" ||
		Format(7).String() != "Format(7)" {
		t.Error("a format has another name")
	}
}
