package flask_test

import (
	"encoding/hex"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// typed is a session that goes from Go to Python and back.
type typed struct {
	*testing.T
	*cloakroom.Session
}

func put[T any](s typed, name string, v T) {
	s.Helper()
	cloakroom.Key[T](name).Set(s.Session, v)
	if err := s.Err(); err != nil {
		s.Errorf("%s: %v", name, err)
	}
}

func holds[T any](s typed, name string, want T) {
	s.Helper()
	got, ok, err := cloakroom.Key[T](name).Lookup(s.Session)
	if !ok || err != nil || !reflect.DeepEqual(got, want) {
		s.Errorf("%s: %v (%v, %v), want %v", name, got, ok, err, want)
	}
}

// A value that Go sets is for Python like its own, stays so when Python stores it again,
// and is read back into Go's type.
func TestTypes(t *testing.T) {
	for _, format := range []string{"msgpack", "json"} {
		t.Run(format, func(t *testing.T) {
			st, err := memstore.New(memstore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			config := flask.Default()
			config.SessionType, config.SessionSerializationFormat = "redis", format
			sessions, err := flask.New(st, config)
			if err != nil {
				t.Fatal(err)
			}
			id := strings.Repeat("A", 43)
			open := func(data []byte) typed {
				t.Helper()
				_ = st.Delete(t.Context(), id, store.Record{})
				if _, err := st.Create(t.Context(), id, store.Record{Data: data, Expires: time.Now().Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
				return typed{t, sessions.Open(t.Context(), id)}
			}
			answer := func(args ...string) []byte {
				t.Helper()
				b, err := hex.DecodeString(strings.TrimSpace(string(python(t, "govalues.py", args...))))
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			s := open(map[string][]byte{"msgpack": []byte("\x81\xa1a\x01"), "json": []byte(`{"a":1}`)}[format])
			setTypes(t, s, format)
			if err := s.Save(); err != nil {
				t.Fatal(err)
			}
			r, err := st.Load(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			hasTypes(open(answer("read", format, hex.EncodeToString(r.Data))), format)
			s = open(answer("write", format))
			hasTypes(s, format)
			if format == "msgpack" {
				holds(s, "naive", time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC))
				holds(s, "date", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC))
				holds(s, "delta", 72*time.Hour+4*time.Second+5*time.Microsecond)
				holds(s, "back", -27*time.Hour)
				holds(s, "bytes", someUUID)
			}
		})
	}
}

var (
	someUUID    = uuid.MustParse("12345678-1234-5678-1234-567812345678")
	someDecimal = decimal.RequireFromString("19.95")
	someList    = []any{int64(1), 1.0, map[string]any{"a": 2.0, "b": int64(math.MaxInt64)}}
	someTime    = time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
	someBig     = new(big.Int).Lsh(big.NewInt(1), 70)
)

func setTypes(t *testing.T, s typed, format string) {
	put(s, "uuid", someUUID)
	put(s, "decimal", someDecimal)
	put(s, "address", netip.MustParseAddr("10.0.0.1"))
	put(s, "int", *big.NewInt(5))
	put[any](s, "max int", math.MaxInt64)
	put[any](s, "max uint", uint64(math.MaxUint64))
	put(s, "float", 1.0)
	put(s, "time", someTime)
	put[any](s, "list", someList)
	put(s, "keys", map[uuid.UUID]decimal.Decimal{someUUID: decimal.RequireFromString("1.5")})
	put(s, "big", someBig)
	if format == "msgpack" {
		u, err := url.Parse("http://h/a?b")
		if err != nil {
			t.Fatal(err)
		}
		put(s, "url", *u)
	}
}

func hasTypes(s typed, format string) {
	s.Helper()
	holds(s, "uuid", someUUID)
	holds(s, "uuid", someUUID.String())
	holds(s, "decimal", someDecimal)
	holds(s, "address", netip.MustParseAddr("10.0.0.1"))
	holds(s, "int", *big.NewInt(5))
	holds[any](s, "max int", int64(math.MaxInt64))
	holds[any](s, "max uint", uint64(math.MaxUint64))
	holds[any](s, "float", 1.0)
	holds(s, "time", someTime)
	holds[any](s, "list", someList)
	holds(s, "keys", map[uuid.UUID]decimal.Decimal{someUUID: decimal.RequireFromString("1.5")})
	holds(s, "big", someBig)
	if format == "json" {
		holds[any](s, "big", someBig)
		return
	}
	holds(s, "url", url.URL{Scheme: "http", Host: "h", Path: "/a", RawQuery: "b"})
}
