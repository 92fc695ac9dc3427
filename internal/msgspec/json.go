package msgspec

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

const jsonFormat = "JSON"

// AppendJSON appends v as JSON, without white space.
func AppendJSON(dst []byte, v pickle.Value) ([]byte, error) {
	w := jsonWriter{begin: len(dst), out: dst}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return w.out, nil
}

type jsonWriter struct {
	begin  int
	out    []byte
	budget pickle.Budget
}

func (w *jsonWriter) value(v pickle.Value, depth int) error {
	if err := spend(&w.budget, depth, len(w.out)-w.begin); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		w.out = append(w.out, "null"...)
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case int64:
		w.out = strconv.AppendInt(w.out, v, 10)
	case *big.Int:
		w.out = v.Append(w.out, 10)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			w.out = append(w.out, "null"...)
			return nil
		}
		w.out = appendFloat(w.out, v)
	case string:
		w.text(v)
		return checkText(jsonFormat, v)
	case pickle.Tuple:
		return w.array(v, depth)
	case *pickle.List:
		return w.array(v.Items, depth)
	case *pickle.Set:
		return w.array(v.Items, depth)
	case *pickle.Dict:
		return w.dict(v, depth)
	case *pickle.Object:
		plain, ok := Plain(v)
		if !ok {
			return pickle.Refusal(v)
		}
		return w.value(plain, depth+1)
	case pickle.Global:
		return pickle.Refusal(v)
	default:
		return w.quoted(v)
	}
	return nil
}

// quoted appends a value that is a string in JSON.
func (w *jsonWriter) quoted(v pickle.Value) error {
	var data []byte
	switch v := v.(type) {
	case pickle.Bytes:
		data = v
	case pickle.ByteArray:
		data = v
	default:
		text, ok := textOf(v)
		if !ok {
			return cannotHold(jsonFormat, fmt.Sprintf("a %T", v))
		}
		w.text(string(text))
		return nil
	}
	w.out = append(w.out, '"')
	w.out = base64.StdEncoding.AppendEncode(w.out, data)
	w.out = append(w.out, '"')
	return nil
}

func (w *jsonWriter) array(items []pickle.Value, depth int) error {
	w.out = append(w.out, '[')
	for i, item := range items {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *jsonWriter) dict(d *pickle.Dict, depth int) error {
	w.out = append(w.out, '{')
	unique := uniqueKeys(d)
	for i := range d.Keys {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		begin := len(w.out)
		if err := w.key(d.Keys[i]); err != nil {
			return err
		}
		if unique.has(w.out[begin:]) {
			return cannotHold(jsonFormat, "a dict whose keys become equal")
		}
		w.out = append(w.out, ':')
		if err := w.value(d.Values[i], depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

// key appends a key, which is a string in JSON.
func (w *jsonWriter) key(v pickle.Value) error {
	switch v := v.(type) {
	case string:
		w.text(v)
		return checkText(jsonFormat, v)
	case int64:
		w.text(strconv.FormatInt(v, 10))
	case *big.Int:
		w.text(v.String())
	case float64:
		switch {
		case math.IsInf(v, 1):
			w.text("inf")
		case math.IsInf(v, -1):
			w.text("-inf")
		case math.IsNaN(v):
			w.text("nan")
		default:
			w.text(string(appendFloat(nil, v)))
		}
	case *pickle.Object:
		plain, ok := Plain(v)
		if _, again := plain.(*pickle.Object); !ok || again {
			return pickle.Refusal(v)
		}
		return w.key(plain)
	case pickle.Global:
		return pickle.Refusal(v)
	case nil, bool, pickle.Tuple, *pickle.List, *pickle.Dict, *pickle.Set:
		return cannotHold(jsonFormat, "a key that is neither like a str nor like a number")
	default:
		return w.quoted(v)
	}
	return nil
}

// text appends a JSON string and escapes only what it must.
func (w *jsonWriter) text(s string) {
	w.out = append(w.out, '"')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			w.out = append(w.out, '\\', c)
		case c >= ' ':
			w.out = append(w.out, c)
		case c == '\b':
			w.out = append(w.out, '\\', 'b')
		case c == '\t':
			w.out = append(w.out, '\\', 't')
		case c == '\n':
			w.out = append(w.out, '\\', 'n')
		case c == '\f':
			w.out = append(w.out, '\\', 'f')
		case c == '\r':
			w.out = append(w.out, '\\', 'r')
		default:
			w.out = fmt.Appendf(w.out, `\u%04x`, c)
		}
	}
	w.out = append(w.out, '"')
}
