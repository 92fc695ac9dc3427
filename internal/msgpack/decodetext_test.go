package msgpack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// uuid has the methods of the usual type for UUIDs.
type uuid [16]byte

func (u uuid) MarshalText() ([]byte, error) {
	h := hex.EncodeToString(u[:])
	return []byte(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), nil
}

func (u *uuid) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), "-", ""))
	return errors.Join(err, u.UnmarshalBinary(b))
}

func (u uuid) MarshalBinary() ([]byte, error) { return u[:], nil }

func (u *uuid) UnmarshalBinary(data []byte) error {
	if len(data) != len(u) {
		return errors.New("of another length")
	}
	copy(u[:], data)
	return nil
}

// Values of Go are what Python's msgspec makes of its own, and can be read as its types.
func TestTextOfValues(t *testing.T) {
	id := uuid{0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78}
	const idText = "\xd9$12345678-1234-5678-1234-567812345678"
	u, err := url.Parse("http://user@h/a%2Fb?c=d#e")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   any
		want string
	}{
		{id, idText}, {&id, idText}, {[]uuid{id}, "\x91" + idText}, {map[uuid]int{id: 1}, "\x81" + idText + "\x01"},
		{struct{ ID uuid }{id}, "\x81\xa2ID" + idText}, {map[string]any{"a": id}, "\x81\xa1a" + idText},
		{netip.MustParseAddr("10.0.0.1"), "\xa810.0.0.1"}, {netip.MustParsePrefix("10.0.0.0/8"), "\xaa10.0.0.0/8"}, {net.IPv4(10, 0, 0, 1), "\xa810.0.0.1"},
		{*u, "\xb9http://user@h/a%2Fb?c=d#e"}, {u, "\xb9http://user@h/a%2Fb?c=d#e"}, {struct{ U *url.URL }{u}, "\x81\xa1U\xb9http://user@h/a%2Fb?c=d#e"}, {url.URL{}, "\xa0"},
		{*big.NewInt(5), "\x05"}, {big.NewInt(math.MinInt64), "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"}, {new(big.Int).SetUint64(math.MaxUint64), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{new(big.Int).Lsh(big.NewInt(1), 70), "\xb61180591620717411303424"}, {new(big.Int).Lsh(big.NewInt(-1), 64), "\xb5-18446744073709551616"}, {[]*big.Int{nil, big.NewInt(1)}, "\x92\xc0\x01"},
		{big.NewFloat(1.5), "\xa31.5"}, {big.NewRat(1, 3), "\xa31/3"}, {90 * time.Second, "\xcf\x00\x00\x00\x14\xf4k\x04\x00"},
	} {
		b, err := Append(nil, c.in, Limits{})
		if err != nil || string(b) != c.want {
			t.Errorf("%#v is %q, %v; want %q", c.in, b, err, c.want)
			continue
		}
		got := reflect.New(reflect.TypeOf(c.in))
		if err := Unmarshal(b, got.Interface(), Limits{}); err != nil {
			t.Errorf("%#v: %v", c.in, err)
			continue
		}
		if again, err := Append(nil, got.Interface(), Limits{}); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%#v came back as %q, %v", c.in, again, err)
		}
	}
}

// What Python's msgspec writes, and what this package wrote before, is read.
func TestReadsTexts(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return when.UTC()
	}
	id := uuid{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	addr := netip.MustParseAddr("10.0.0.1")
	big70 := *new(big.Int).Lsh(big.NewInt(1), 70)
	u := url.URL{Scheme: "http", Host: "h", Path: "/a"}
	for _, c := range []struct {
		in   any
		want any
	}{
		{"01020304-0506-0708-090a-0b0c0d0e0f10", id}, {"0102030405060708090a0b0c0d0e0f10", id}, {id[:], id},
		{"10.0.0.1", addr}, {[]byte{10, 0, 0, 1}, addr},
		{"http://h/a", u}, {[]byte("http://h/a"), u},
		{"1180591620717411303424", big70}, {"5", *big.NewInt(5)}, {-5, *big.NewInt(-5)}, {uint64(math.MaxUint64), *new(big.Int).SetUint64(math.MaxUint64)},
		{"2024-02-29", at("2024-02-29T00:00:00Z")}, {"2024-02-29T01:02:03", at("2024-02-29T01:02:03Z")}, {"2024-02-29T01:02:03.000004", at("2024-02-29T01:02:03.000004Z")},
		{"2024-02-29T01:02:03+05:30", at("2024-02-28T19:32:03Z")}, {"2024-02-29T01:02:03.5Z", at("2024-02-29T01:02:03.5Z")}, {"2024-02-29 01:02:03", at("2024-02-29T01:02:03Z")},
		{"P0D", time.Duration(0)}, {"P3DT4.000005S", 72*time.Hour + 4*time.Second + 5*time.Microsecond}, {"-PT1S", -time.Second}, {"-PT75600S", -21 * time.Hour},
		{"PT90S", 90 * time.Second}, {"P1WT1H2M", 169*time.Hour + 2*time.Minute}, {"PT0.000000001S", time.Nanosecond}, {"PT1H30M", 90 * time.Minute}, {90, time.Duration(90)},
		{"P999999999D", ErrType}, {"P1Y", ErrType}, {"P", ErrType}, {"PT", ErrType}, {"P1DT", ErrType}, {"PT1", ErrType}, {"PT1.S", ErrType}, {"PT.5S", ErrType}, {"P1.5D", ErrType}, {"PT1M1H", ErrType}, {"PT1S1S", ErrType},
		{"P" + strings.Repeat("9", 70) + "D", ErrType}, {"1h", ErrType}, {"", ErrType},
	} {
		b, err := Append(nil, c.in, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		want, failing := c.want.(error)
		into := reflect.New(reflect.TypeFor[time.Duration]())
		if !failing {
			into = reflect.New(reflect.TypeOf(c.want))
		}
		switch err := Unmarshal(b, into.Interface(), Limits{}); {
		case failing && !errors.Is(err, want):
			t.Errorf("%v: %v, want %v", c.in, err, want)
		case !failing && (err != nil || !reflect.DeepEqual(into.Elem().Interface(), c.want)):
			t.Errorf("%v into %T: %v, %v", c.in, c.want, into.Elem(), err)
		}
	}
	for _, text := range []string{"01:02:03", "2024-02-30", "2024-02-29T25:00:00Z", "now", strings.Repeat("2", 1000)} {
		b, err := Append(nil, text, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := Unmarshal(b, new(time.Time), Limits{}); !errors.Is(err, ErrType) || strings.Contains(err.Error(), text) {
			t.Errorf("%s into a time: %v", text, err)
		}
	}
}
