package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"
)

// encodeJSON returns the document as a JSON object. Values are JSON already.
func (d *Document) encodeJSON() []byte {
	reserved := d.meta.encodeJSON()
	size := len(`{"":}`) + len(nameReserved) + len(reserved)
	for i := range d.fields {
		// more where a name needs escapes
		size += len(d.fields[i].name) + len(d.fields[i].value) + len(`"":,`)
	}
	out := append(make([]byte, 0, size), '{')
	for i := range d.fields {
		if d.fields[i].name != nil {
			out = appendJSONString(out, string(d.fields[i].name))
			out = append(out, ':')
		}
		out = append(out, d.fields[i].value...)
		out = append(out, ',')
	}
	out = append(out, `"`+nameReserved+`":`...)
	return append(append(out, reserved...), '}')
}

// appendJSONString appends s, which is valid UTF-8.
func appendJSONString(out []byte, s string) []byte {
	encoded, err := JSON.encode(&s)
	if err != nil {
		panic("cloakroom: a name or owner that is not UTF-8 was let into a JSON document")
	}
	return append(out, encoded...)
}

var (
	errJSON    = errors.New("not JSON in UTF-8")
	errTooDeep = errors.New("nested too deeply")
)

// sliceJSON slices a JSON object into its members. Package encoding/json checks that it
// is one, without recursion; what is left is to find where members begin and end.
func (b Bounds) sliceJSON(data []byte) (fields []field, reserve []byte, err error) {
	if !json.Valid(data) {
		return nil, nil, errJSON
	}
	s := jsonScanner{rest: data, most: readableDepth}
	if !s.skip('{') {
		return nil, nil, errNoDocument
	}
	for !s.skip('}') {
		if len(fields) > b.Values {
			return nil, nil, errTooManyValues
		}
		quoted := s.value()
		name, err := unquoteJSON(quoted)
		if err != nil {
			return nil, nil, err
		}
		s.skip(':')
		value := s.value()
		if b.Foreign && unnamable(quoted, name) {
			name, value = nil, slices.Concat(quoted, []byte(":"), value)
		}
		if s.deep {
			return nil, nil, errTooDeep
		}
		switch {
		case string(name) != nameReserved:
			fields = append(fields, field{name: name, value: value})
		case reserve != nil:
			return nil, nil, errTwice
		default:
			reserve = value
		}
		s.skip(',')
	}
	switch {
	case !twice(fields):
	case b.Foreign:
		fields = lastOfEach(fields)
	default:
		return nil, nil, errTwice
	}
	return fields, reserve, nil
}

// lastOfEach keeps the last of the fields of one name, in the place of the first, as
// Python does when it reads JSON. Python's keys 5 and "5" are one name there.
func lastOfEach(fields []field) []field {
	at := make(map[string]int, len(fields))
	kept := fields[:0]
	for _, f := range fields {
		if f.name != nil {
			if i, ok := at[string(f.name)]; ok {
				kept[i].value = f.value
				continue
			}
			at[string(f.name)] = len(kept)
		}
		kept = append(kept, f)
	}
	return kept
}

// unquoteJSON returns the string that a JSON string stands for: a part of it, if
// nothing is escaped.
func unquoteJSON(quoted []byte) ([]byte, error) {
	if !utf8.Valid(quoted) {
		return nil, errJSON
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return []byte(s), err
}

// unnamable reports whether a name has an escape that may stand for half of a surrogate
// pair, which Python writes and which has no place in UTF-8: the other character that
// encoding/json reads is not the name.
func unnamable(quoted, name []byte) bool {
	return bytes.IndexByte(quoted, '\\') >= 0 && bytes.Contains(name, []byte("\ufffd"))
}

// jsonScanner walks over the members of an object that is known to be valid JSON.
type jsonScanner struct {
	rest []byte
	most int  // how deep things may be nested
	deep bool // something was nested more deeply
}

// skip passes over white space, then over c if that comes next.
func (s *jsonScanner) skip(c byte) bool {
	s.rest = bytes.TrimLeft(s.rest, " \t\r\n")
	if len(s.rest) > 0 && s.rest[0] == c {
		s.rest = s.rest[1:]
		return true
	}
	return false
}

// value returns the one value that comes next.
func (s *jsonScanner) value() []byte {
	s.rest = bytes.TrimLeft(s.rest, " \t\r\n")
	depth, quoted := 0, false
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			s.deep = s.deep || depth >= s.most
		case depth == 0 && (c == ',' || c == ':' || c == '}' || c <= ' '):
			return s.take(i)
		case c == '}' || c == ']':
			depth--
		}
	}
	return s.take(len(s.rest))
}

func (s *jsonScanner) take(n int) []byte {
	taken := s.rest[:n:n]
	s.rest = s.rest[n:]
	return taken
}
