package dynamodbstore

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// TestDamagedItem: an item that is none of ours under a session's id is a damaged
// record, not a missing one.
func TestDamagedItem(t *testing.T) {
	s, server := scripted(t)
	for _, val := range []string{``, `"val":{"S":"text"},`, `"val":{"NULL":true},`} {
		it := `{"id":{"S":"session:a"},` + val + `"expiration":{"N":"99999999999"}}`
		server.set("GetItem", fine(`{"Item":`+it+`}`))
		if _, err := s.Load(t.Context(), "a"); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("load %s: %v", it, err)
		}
		unmet := reply{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":` + it + `}`}
		server.set("UpdateItem", unmet)
		if err := s.Touch(t.Context(), "a", store.Record{}, time.Now()); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("touch %s: %v", it, err)
		}
		server.set("DeleteItem", unmet)
		r := store.Record{Data: []byte("data"), Version: version([]byte("data"))}
		if err := s.Delete(t.Context(), "a", r); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("delete %s: %v", it, err)
		}
	}
}

func TestExpiry(t *testing.T) {
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{time.Unix(1_800_000_000, 0), "1800000000"},
		{time.Unix(1_800_000_000, 1), "1800000001"},
		{time.Time{}, "0"},
		{time.Unix(-5, 0), "0"},
		{time.Unix(math.MaxInt64/2, 0), "253402300799"},
	} {
		if got := expiration(tt.at); !reflect.DeepEqual(got, number(tt.want)) {
			t.Errorf("%v is %+v, want %s", tt.at, got, tt.want)
		}
	}
	for text, want := range map[string]time.Time{
		"1800000000":                        time.Unix(1_800_000_000, 0),
		"1800000000.25":                     time.Unix(1_800_000_000, 250_000_000),
		"1800000000.1234567165374755859375": time.UnixMicro(1_800_000_000_123_456),
		"-3":                                time.Unix(0, 0),
		"1E+125":                            time.Unix(latest, 0),
		"99999999999999":                    time.Unix(latest, 0),
	} {
		if got, ok := expiryOf(item{attrExpiration: number(text)}); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, it := range []item{nil, {attrExpiration: binary(nil)}, {attrExpiration: number("")}, {attrExpiration: number("NaN")}} {
		if got, ok := expiryOf(it); ok {
			t.Errorf("%+v is %v", it, got)
		}
	}
}
