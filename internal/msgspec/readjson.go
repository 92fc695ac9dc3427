package msgspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

var errJSON = errors.New("not JSON in UTF-8")

// ReadJSON reads the one JSON value that b holds, with white space around it.
func ReadJSON(b []byte) (pickle.Value, error) {
	if !utf8.Valid(b) || !json.Valid(b) { // which does not recurse
		return nil, malformed(jsonFormat, errJSON)
	}
	if loneSurrogate(b) {
		return nil, malformed(jsonFormat, errors.New("half of a surrogate pair"))
	}
	r := jsonReader{in: json.NewDecoder(bytes.NewReader(b))}
	r.in.UseNumber()
	return r.value(0)
}

type jsonReader struct {
	in     *json.Decoder
	budget pickle.Budget
}

func (r *jsonReader) value(depth int) (pickle.Value, error) {
	token, err := r.in.Token()
	if err != nil {
		return nil, malformed(jsonFormat, errJSON)
	}
	return r.valueOf(token, depth)
}

func (r *jsonReader) valueOf(token json.Token, depth int) (pickle.Value, error) {
	if err := spend(&r.budget, depth, 0); err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return numberOf(string(token))
	case json.Delim:
		if token == '[' {
			return r.array(depth)
		}
		return r.dict(depth)
	}
	return token, nil // nil, a bool or a string
}

func (r *jsonReader) array(depth int) (pickle.Value, error) {
	l := &pickle.List{}
	for r.in.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v)
	}
	_, err := r.in.Token() // the bracket
	return l, err
}

func (r *jsonReader) dict(depth int) (pickle.Value, error) {
	d := &pickle.Dict{}
	for r.in.More() {
		key, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if err := d.Set(key, v); err != nil {
			return nil, err
		}
	}
	_, err := r.in.Token() // the brace
	return d, err
}

// numberOf returns an int of any size if the text looks like one, and else a float.
func numberOf(text string) (pickle.Value, error) {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, malformed(jsonFormat, errors.New("a number out of range"))
		}
		return f, nil
	}
	if len(strings.TrimPrefix(text, "-")) > pickle.MaxDigits {
		return nil, fmt.Errorf("%w: an int of more than %d digits",
			pickle.ErrTooLarge, pickle.MaxDigits)
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, malformed(jsonFormat, errJSON)
	}
	return pickle.Int(n), nil
}

// loneSurrogate reports whether JSON escapes a surrogate that is not one of a pair:
// package encoding/json would read it as another character.
func loneSurrogate(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return false
		}
		r := escaped(b[i:])
		switch {
		case !utf16.IsSurrogate(r):
			b = b[i+2:] // past the backslash and what it escapes
		case utf16.DecodeRune(r, escaped(b[i+6:])) == utf8.RuneError:
			return true
		default:
			b = b[i+12:]
		}
	}
}

// escaped returns the code unit of an escape \uXXXX that b begins with, or -1.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
