package linear

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

// hostile are records that should never be in a store.
var hostile = map[string]string{
	"empty":                          "\x00",
	"no document":                    "\xc0",
	"a map of four billion":          "\xdf\xff\xff\xff\xff",
	"a string of four gigabytes":     "\x82\xa1a\xdb\xff\xff\xff\xffx\xaa_cloakroom\x80",
	"an array of four billion":       "\x82\xa1a\xdd\xff\xff\xff\xff\xaa_cloakroom\x80",
	"bytes of four gigabytes":        "\x82\xa1a\xc6\xff\xff\xff\xff\xaa_cloakroom\x80",
	"an extension of four gigabytes": "\x82\xa1a\xc9\xff\xff\xff\xff\x01\xaa_cloakroom\x80",
	"nested a hundred thousand deep": "\x82\xa1a" + strings.Repeat("\x91", 100_000) + "\xc0\xaa_cloakroom\x80",
	"JSON a hundred thousand deep":   `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `,"_cloakroom":{"v":1,"created":1,"deadline":9}}`,
	"JSON that is cut off":           `{"a":"b`,
	"a pickle":                       "\x80\x05}\x94.",
	"notes of a wrong type":          "\x81\xaa_cloakroom\xa3abc",
	"notes of wrong types within":    "\x81\xaa_cloakroom\x84\xa1v\xa11\xa7created\xc0\xa8deadline\x90\xa7commits\x01",
	"a commit list that is too long": "\x81\xaa_cloakroom\x84\xa1v\x01\xa7created\x01\xa8deadline\xcf\x00\x07\x00\x00\x00\x00\x00\x00\xa7commits\xc5\x40\x00" + strings.Repeat("c", 0x4000),
	"a deadline before time began":   "\x81\xaa_cloakroom\x84\xa1v\x01\xa7created\x01\xa8deadline\xd3\xff\xff\xff\xff\xff\xff\xff\xff\xa7commits\xc4\x00",
	"a newer version":                "\x81\xaa_cloakroom\x84\xa1v\x7f\xa7created\x01\xa8deadline\xcf\x00\x07\x00\x00\x00\x00\x00\x00\xa7commits\xc4\x00",
	"a name that stands twice":       "\x83\xa1a\x01\xa1a\x02\xaa_cloakroom\x84\xa1v\x01\xa7created\x01\xa8deadline\xcf\x00\x07\x00\x00\x00\x00\x00\x00\xa7commits\xc4\x00",
	"bytes behind the document":      "\x81\xaa_cloakroom\x84\xa1v\x01\xa7created\x01\xa8deadline\xcf\x00\x07\x00\x00\x00\x00\x00\x00\xa7commits\xc4\x00\x00",
	"ten thousand names":             many(10_000),
}

func many(n int) string {
	b := binary.BigEndian.AppendUint16([]byte{0xde}, uint16(n))
	for i := range n {
		b = append(binary.BigEndian.AppendUint16(append(b, 0xa2), uint16(i)), 0xc0)
	}
	return string(b)
}

// TestHostileRecords puts records into every store by hand. Each reads as no session,
// costs little, keeps its cookie, and leaves its visitor able to sign out and then to
// begin another session.
func TestHostileRecords(t *testing.T) {
	for _, pl := range places {
		t.Run(pl.name, func(t *testing.T) {
			b := pl.start(t)
			st := b.open(t)
			// A busy machine does not reach the time limit.
			site := managerOf(t, st, cloakroom.Options{Now: b.clock, Timeout: 20 * time.Second})
			run := (&plan{}).begin(nil)
			for name, data := range hostile {
				var random [32]byte
				_, _ = rand.Read(random[:])
				ticket := base64.RawURLEncoding.EncodeToString(random[:])
				digest := sha256.Sum256([]byte(ticket))
				r := store.Record{Data: []byte(data), Expires: time.Now().Add(time.Hour)}
				servers.Until(t, "the record is there", func() error {
					_, err := st.Create(t.Context(), hex.EncodeToString(digest[:]), r)
					if errors.Is(err, store.ErrExists) { // by a try whose answer was late
						return nil
					}
					return err
				})
				ended := false
				for _, k := range []kind{get, set, incr, login, create, logout, create} {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					out, handed, err := run.send(site, input{kind: k, arg: "1"}, &history{number: 1}, ticket, 0)
					runtime.ReadMemStats(&after)
					ok := err == nil
					switch k {
					case create: // refused for as long as the record is there
						ok = ok && out.unknown != ended && (handed != "") == ended && handed != ticket
					case logout:
						ok, ended = ok && !out.unknown, true
					default:
						ok = ok && !out.unknown && out.gone && handed == ""
					}
					if !ok {
						t.Errorf("%s: %s: %+v, %v", name, k, out, err)
					}
					if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
						t.Errorf("%s: %s took %d bytes of memory for %d", name, k, used, len(data))
					}
				}
			}
		})
	}
}
