package mongo

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// primary speaks as much of MongoDB's protocol as one write takes. FerretDB is never demoted.
type primary struct {
	addr    string
	demoted atomic.Bool
	writes  atomic.Int64 // taken
}

func startPrimary(t *testing.T) *primary {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &primary{addr: l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// Kinds of messages.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

// serve answers the messages of a connection.
func (p *primary) serve(c net.Conn) {
	defer c.Close()
	for {
		header := make([]byte, 16)
		if _, err := io.ReadFull(c, header); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(header)-16)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		kind := binary.LittleEndian.Uint32(header[12:])
		answer, err := bson.Marshal(p.answer(kind, body))
		if err != nil {
			return
		}
		// Flags and a section; or flags, a cursor, where it begins, and how many
		// documents follow.
		front := make([]byte, 5)
		if kind == opQuery {
			kind, front = opReply, make([]byte, 20)
			front[16] = 1
		}
		answer = slices.Concat(front, answer)
		reply := make([]byte, 16, 16+len(answer))
		binary.LittleEndian.PutUint32(reply, uint32(16+len(answer))) //nolint:gosec // it is short
		copy(reply[8:], header[4:8])
		binary.LittleEndian.PutUint32(reply[12:], kind)
		if _, err := c.Write(append(reply, answer...)); err != nil {
			return
		}
	}
}

// answer answers one command.
func (p *primary) answer(kind uint32, body []byte) bson.D {
	command := "hello"
	if kind == opMsg {
		if first, err := bson.Raw(body[5:]).IndexErr(0); err == nil {
			command = first.Key()
		}
	}
	switch strings.ToLower(command) {
	case "hello", "ismaster":
		return bson.D{
			{Key: "ok", Value: 1}, {Key: "isWritablePrimary", Value: true}, {Key: "ismaster", Value: true},
			{Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: 21}, {Key: "maxBsonObjectSize", Value: 16 << 20},
			{Key: "maxMessageSizeBytes", Value: 48_000_000}, {Key: "maxWriteBatchSize", Value: 100_000},
		}
	case "update", "delete":
		if p.demoted.Load() {
			return bson.D{
				{Key: "ok", Value: 0}, {Key: "code", Value: 10107}, {Key: "codeName", Value: "NotWritablePrimary"}, {Key: "errmsg", Value: "not primary"},
			}
		}
		p.writes.Add(1)
		return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}, {Key: "nModified", Value: 1}}
	case "listindexes":
		index := func(unique bool, fields ...string) bson.D {
			var key bson.D
			for _, f := range fields {
				key = append(key, bson.E{Key: f, Value: 1})
			}
			return bson.D{{Key: "v", Value: 2}, {Key: "key", Value: key}, {Key: "name", Value: fields[0]}, {Key: "unique", Value: unique}}
		}
		return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: bson.D{
			{Key: "id", Value: int64(0)}, {Key: "ns", Value: "flask_session.sessions"},
			{Key: "firstBatch", Value: bson.A{index(true, "id"), index(false, "expiration"), index(false, "owner", "id")}},
		}}}
	}
	return bson.D{{Key: "ok", Value: 1}}
}

// TestDemoted: a primary that was demoted behind one address is left for the one that
// the address leads to by now. Until it leads there, every write is refused at once.
func TestDemoted(t *testing.T) {
	old, promoted := startPrimary(t), startPrimary(t)
	p := servers.StartProxy(t, old.addr)
	s := open(t, "mongodb://"+p.Addr+"/?directConnection=true")
	r := lasting("data")
	if _, err := s.Create(t.Context(), hexID(1), r); err != nil {
		t.Fatal(err)
	}
	old.demoted.Store(true)
	writes := map[string]func() error{
		"create":  func() error { _, err := s.Create(t.Context(), hexID(2), r); return err },
		"replace": func() error { _, err := s.Replace(t.Context(), hexID(1), r, r); return err },
		"touch":   func() error { return s.Touch(t.Context(), hexID(1), r, time.Now().Add(time.Hour)) },
		"delete":  func() error { return s.Delete(t.Context(), hexID(1), r) },
	}
	for name, write := range writes {
		if err := write(); !errors.Is(err, cloakroom.ErrRefused) || !strings.Contains(err.Error(), "NotWritablePrimary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Lead(promoted.addr)
	servers.Until(t, "the new primary is found", writes["touch"])
	for name, write := range writes {
		if err := write(); err != nil {
			t.Errorf("%s after the failover: %v", name, err)
		}
	}
	if old.writes.Load() != 1 || promoted.writes.Load() < int64(len(writes)) {
		t.Errorf("%d writes by the old primary, %d by the new one", old.writes.Load(), promoted.writes.Load())
	}
}
