package dynamodbstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloakroom-go/cloakroom/store"
)

type item = map[string]types.AttributeValue

// The names of attributes. None is a reserved word but owner, which expressions spell #o.
const (
	attrID         = "id"
	attrVal        = "val"
	attrExpiration = "expiration"
	attrOwner      = "owner"
	attrIDs        = "ids"
)

// ownerMark follows the prefix in the key of an owner's index.
const ownerMark = "owner→"

func (s *Store) recordKey(id string) string   { return s.prefix + id }
func (s *Store) ownerKey(owner string) string { return s.prefix + ownerMark + owner }

func key(k string) item { return item{attrID: text(k)} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

func binary(b []byte) types.AttributeValue {
	if b == nil {
		b = []byte{}
	}
	return &types.AttributeValueMemberB{Value: b}
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// record reads an item. It returns ErrNotFound if it has expired, or has no expiration, and
// ErrUnreadable if it has no val, or one that is not binary.
func (s *Store) record(it item) (store.Record, error) {
	expires, ok := expiryOf(it)
	if !ok || !expires.After(s.now()) {
		return store.Record{}, store.ErrNotFound
	}
	val, ok := it[attrVal].(*types.AttributeValueMemberB)
	if !ok {
		return store.Record{}, store.ErrUnreadable
	}
	return store.Record{
		Data:    val.Value,
		Expires: expires,
		Owner:   textOf(it[attrOwner]),
		Version: version(val.Value),
	}, nil
}

// live is the condition that an item has not expired at :now, and readable that it can also be
// read: :binary is the type.
const (
	live     = "expiration > :now"
	readable = "attribute_type(val, :binary) AND " + live
)

func version(data []byte) store.Version {
	sum := sha256.Sum256(data)
	return store.Version(hex.EncodeToString(sum[:]))
}

// latest is the last expiry that is stored, in the year 9999.
var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()

// seconds is t as an expiration, rounded up.
func seconds(t time.Time) int64 {
	n := t.Unix()
	if t.Nanosecond() > 0 {
		n++
	}
	return min(max(n, 0), latest)
}

func expiration(t time.Time) types.AttributeValue {
	return number(strconv.FormatInt(seconds(t), 10))
}

// instant is t for comparisons with expirations, which other programs write with fractions.
func instant(t time.Time) types.AttributeValue {
	if n := t.Unix(); n < 0 || n > latest {
		return expiration(t)
	}
	return number(fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()))
}

// expiryOf returns when an item expires. Fractions, as Flask-Session writes them, are read to the
// microsecond.
func expiryOf(it item) (time.Time, bool) {
	n, ok := it[attrExpiration].(*types.AttributeValueMemberN)
	if !ok {
		return time.Time{}, false
	}
	if whole, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		return time.Unix(min(max(whole, 0), latest), 0), true
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || f != f {
		return time.Time{}, false
	}
	f = min(max(f, 0), float64(latest))
	return time.UnixMicro(int64(f * 1e6)), true
}

// overhead is what DynamoDB counts for a record's item beside key, data and owner: the names, and a
// number of at most 21 bytes.
const overhead = len(attrID) + len(attrVal) + len(attrExpiration) + 21

// fits returns ErrTooLarge for a record that DynamoDB would refuse.
func (s *Store) fits(op, id string, r store.Record) error {
	most := MaxItem - overhead - len(s.recordKey(id))
	if r.Owner != "" {
		most -= len(attrOwner) + len(r.Owner)
	}
	if len(r.Data) > most {
		return fmt.Errorf("dynamodbstore: %s: %w: %d bytes, the most is %d by the limit on items",
			op, store.ErrTooLarge, len(r.Data), max(most, 0))
	}
	return nil
}
