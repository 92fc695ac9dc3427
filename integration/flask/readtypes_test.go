package flask_test

import (
	"math"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// opened returns a browser's session in Go.
func opened(t *testing.T, settings map[string]any, b *browser) typed {
	t.Helper()
	c, err := flask.FromMap(settings)
	if err != nil {
		t.Fatal(err)
	}
	m, err := flask.New(openStore(t, settings), c)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Open(t.Context(), b.cookie)
	t.Cleanup(s.Close)
	return typed{t, s}
}

// saved commits the session and gives the browser its cookie.
func (s typed) saved(b *browser) {
	s.Helper()
	if err := s.Save(); err != nil {
		s.Fatal(err)
	}
	if c := s.Cookie(); c != nil {
		b.cookie = c.Value
	}
}

func isAbsent(s typed, name string) {
	s.Helper()
	if v, ok, err := cloakroom.Key[any](name).Lookup(s.Session); ok || err != nil {
		s.Errorf("%s: %v (%v)", name, v, err)
	}
}

func isUnreadable(s typed, name string) {
	s.Helper()
	if v, _, err := cloakroom.Key[string](name).Lookup(s.Session); err == nil {
		s.Errorf("%s: %v, want an error", name, v)
	}
}

// fill lets Python set values of testdata/values.py by their names.
func fill(t *testing.T, p pair, names ...string) *browser {
	t.Helper()
	b := &browser{t: t}
	for _, name := range names {
		b.do(p.python, "POST /put "+url.Values{"name": {name}, "value": {name}}.Encode())
	}
	return b
}

var plainTypes = map[string]any{"login": false, "retry": false}

// Values that Python sets have in Go the types of the guide's table, in both formats.
func TestTypesInGo(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	asJSON := with(settings, with(inJSON, map[string]any{"SESSION_KEY_PREFIX": "json:"}))
	pairs := start(t, with(settings, plainTypes), with(asJSON, plainTypes))
	names := []string{
		"bytes", "datetime UTC", "datetime naive", "date", "time", "timedelta", "Decimal", "UUID", "tuple",
		"set", "frozenset", "int 2**63-1", "float 1", "dict with keys int",
	}
	at := time.Date(2024, 2, 29, 12, 34, 56, 789012000, time.UTC)

	s := opened(t, settings, fill(t, pairs[0], append(names, "float NaN")...))
	holds(s, "bytes", []byte("\x00\xff\x80abc"))
	holds(s, "datetime UTC", at)
	holds(s, "datetime naive", "2024-02-29T12:34:56.000789")
	holds(s, "dict with keys int", map[int]any{1: "a", 2: map[any]any{int64(3): "b"}, -5: nil})
	if f := cloakroom.Key[float64]("float NaN").Get(s.Session); !math.IsNaN(f) {
		t.Error(f)
	}
	inEither(s)
	a := (&browser{t: t}).try(pairs[0].python, "POST /put name=v&value=int+2**65")
	if a.status != http.StatusInternalServerError {
		t.Errorf("Flask answers %d to an int beyond 64 bits", a.status)
	}

	s = opened(t, asJSON, fill(t, pairs[1], append(names, "float inf", "int of 1,000 digits")...))
	holds(s, "bytes", []byte("\x00\xff\x80abc"))
	holds(s, "datetime UTC", at)
	holds(s, "datetime UTC", "2024-02-29T12:34:56.789012Z")
	holds[any](s, "float inf", nil)
	holds(s, "dict with keys int", map[string]any{"1": "a", "2": map[string]any{"3": "b"}, "-5": nil})
	n := cloakroom.Key[*big.Int]("int of 1,000 digits").Get(s.Session)
	if n == nil || len(n.String()) != 1001 {
		t.Error(n)
	}
	inEither(s)
}

func inEither(s typed) {
	s.Helper()
	holds(s, "date", "2024-02-29")
	holds(s, "time", "01:02:03.000004")
	holds(s, "timedelta", "P3DT4.000005S")
	holds(s, "Decimal", "19.90")
	holds(s, "Decimal", decimal.RequireFromString("19.90"))
	holds(s, "UUID", someUUID)
	holds(s, "tuple", []any{int64(1), int64(2), []any{int64(3), "x"}})
	holds(s, "set", []int{1})
	holds(s, "frozenset", []int{3})
	holds(s, "int 2**63-1", int64(1<<63-1))
	holds(s, "float 1", 1.0)
}

// Go reads the objects in a pickle that it knows, and keeps the others, which are errors
// to read.
func TestObjectsInGo(t *testing.T) {
	t.Parallel()
	settings := stores["filesystem"](t)
	p := start(t, with(settings, plainTypes))[0]
	b := fill(t, p, "text of a class", "int of a class", "list of a class", "OrderedDict", "Enum",
		"dataclass", "namedtuple", "datetime zoneinfo", "int 2**65", "Fraction", "complex")
	s := opened(t, settings, b)
	holds(s, "text of a class", "s")
	holds(s, "int of a class", 5)
	holds(s, "list of a class", []int{1})
	holds(s, "OrderedDict", map[string]int{"b": 1, "a": 2})
	holds(s, "Enum", "admin")
	holds(s, "dataclass", map[string]any{"sku": "A1", "quantity": int64(2)})
	holds(s, "namedtuple", []any{int64(1), []any{int64(2)}})
	for _, name := range []string{"int 2**65", "Fraction", "complex"} {
		isUnreadable(s, name)
	}
	holds(s, "datetime zoneinfo", time.Date(2024, 7, 1, 4, 0, 0, 0, time.UTC))
}

// A key that is no text is kept, but has no name in Go.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, with(settings, plainTypes))[0]
	b := &browser{t: t}
	b.do(p.python, "POST /fill session=key int")
	s := opened(t, settings, b)
	isAbsent(s, "5")
	put(s, "a", 2)
	s.saved(b)
	if got := b.do(p.python, "GET /described").body; !strings.Contains(got, "five") {
		t.Error(got)
	}
	b.holds(p.python, "a", "2")
}

// Go refuses times that Python would round, in MessagePack and in JSON, and text that is
// not UTF-8.
func TestRefusedValues(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, with(settings, with(plainTypes, inJSON)))[0]
	moment := time.Date(2024, 2, 29, 1, 2, 3, 456789123, time.UTC)
	for name, change := range map[string]func(typed){
		"text": func(s typed) { cloakroom.Key[string]("v").Set(s.Session, "\xff") },
		"time": func(s typed) { cloakroom.Key[time.Time]("v").Set(s.Session, moment) },
	} {
		s := opened(t, settings, &browser{t: t})
		change(s)
		if err := s.Save(); err == nil {
			t.Errorf("%s: it is stored", name)
		}
	}
	s := opened(t, settings, &browser{t: t})
	put(s, "v", moment.Truncate(time.Microsecond))
	s.saved(&browser{t: t})

	b := &browser{t: t}
	s = opened(t, with(settings, inJSON), b)
	put(s, "v", moment)
	s.saved(b)
	b.holds(p.python, "v", `"2024-02-29T01:02:03.456789123Z"`)
}

// shopspring's decimal drops zeros at the end, in either format.
func TestDecimalZeros(t *testing.T) {
	for _, format := range []string{"msgpack", "json"} {
		store, err := memstore.New(memstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		c := flask.Default()
		c.SessionType, c.SessionSerializationFormat = "redis", format
		m, err := flask.New(store, c)
		if err != nil {
			t.Fatal(err)
		}
		s := typed{t, m.Open(t.Context(), "")}
		put(s, "price", decimal.RequireFromString("19.90"))
		holds(s, "price", "19.9")
		s.Close()
	}
}
