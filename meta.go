package cloakroom

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// formatVersion is the version of what stands under the reserved name. A record of a higher one
// reads as unreadable, and is kept.
const formatVersion = 1

// meta is what Cloakroom notes about a session, under the reserved name of its document. Times are
// microseconds since 1970. Byte slices may point into the record.
type meta struct {
	created       int64
	authenticated int64 // zero before a sign-in
	deadline      int64 // the absolute one
	owner         []byte
	userAgent     []byte
	ip            []byte
	commits       []byte // ids of the latest commits, the newest last

	// A seal stands where a session was: it reads as no session and takes no write. It names the
	// id that the session moved to, if it did, and the hash of that one's owner.
	sealed    bool
	next      []byte
	nextOwner []byte
}

// A commit id is 64 random bits; a record keeps its latest 16.
const (
	commitIDBytes = 8
	commitIDsKept = 16
)

type commitID [commitIDBytes]byte

func (m *meta) hasCommit(id []byte) bool {
	for i := 0; i+commitIDBytes <= len(m.commits); i += commitIDBytes {
		if string(m.commits[i:i+commitIDBytes]) == string(id) {
			return true
		}
	}
	return false
}

// newest returns the id of the latest commit, or nil.
func (m *meta) newest() []byte {
	if len(m.commits) < commitIDBytes {
		return nil
	}
	return m.commits[len(m.commits)-commitIDBytes:]
}

// withCommit returns the list of commits with one more.
func (m *meta) withCommit(id commitID) []byte {
	kept := m.commits
	if over := len(kept) - (commitIDsKept-1)*commitIDBytes; over > 0 {
		kept = kept[over:]
	}
	list := make([]byte, 0, len(kept)+commitIDBytes)
	return append(append(list, kept...), id[:]...)
}

func (m *meta) size() int {
	return 160 + 6*(len(m.owner)+len(m.userAgent)+len(m.ip)) + 2*len(m.commits) + len(m.next) + len(m.nextOwner)
}

func micros(t time.Time) int64 { return t.UnixMicro() }

// timeOf returns the time that micros made, the zero time for zero.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// Names under the reserved one.
const (
	metaVersion       = "v"
	metaCreated       = "created"
	metaAuthenticated = "authenticated"
	metaDeadline      = "deadline"
	metaOwner         = "owner"
	metaUserAgent     = "userAgent"
	metaIP            = "ip"
	metaCommits       = "commits"
	metaSealed        = "sealed"
	metaNext          = "next"
	metaNextOwner     = "nextOwner"
)

func (m *meta) appendMessagePack(out []byte) []byte {
	n := 4
	for _, present := range [...]bool{m.authenticated != 0, m.owner != nil, m.userAgent != nil, m.ip != nil, m.sealed, m.next != nil, m.nextOwner != nil} {
		if present {
			n++
		}
	}
	number := func(name string, v int64) {
		out = msgpack.AppendInt(msgpack.AppendString(out, name), v)
	}
	text := func(name string, v []byte) {
		if v != nil {
			out = msgpack.AppendString(msgpack.AppendString(out, name), string(v))
		}
	}
	out = msgpack.AppendMapHeader(out, n)
	number(metaVersion, formatVersion)
	number(metaCreated, m.created)
	if m.authenticated != 0 {
		number(metaAuthenticated, m.authenticated)
	}
	number(metaDeadline, m.deadline)
	text(metaOwner, m.owner)
	text(metaUserAgent, m.userAgent)
	text(metaIP, m.ip)
	if m.sealed {
		out = msgpack.AppendBool(msgpack.AppendString(out, metaSealed), true)
	}
	text(metaNext, m.next)
	text(metaNextOwner, m.nextOwner)
	return msgpack.AppendBytes(msgpack.AppendString(out, metaCommits), m.commits)
}

func readMetaMessagePack(data []byte) (m meta, err error) {
	count, rest, err := msgpack.ReadMapHeader(data)
	if err != nil {
		return meta{}, err
	}
	var version int64
	for range count {
		var name []byte
		if name, rest, err = msgpack.ReadString(rest); err != nil {
			return meta{}, err
		}
		switch string(name) {
		case metaVersion:
			version, rest, err = msgpack.ReadInt(rest)
		case metaCreated:
			m.created, rest, err = msgpack.ReadInt(rest)
		case metaAuthenticated:
			m.authenticated, rest, err = msgpack.ReadInt(rest)
		case metaDeadline:
			m.deadline, rest, err = msgpack.ReadInt(rest)
		case metaOwner:
			m.owner, rest, err = msgpack.ReadString(rest)
		case metaUserAgent:
			m.userAgent, rest, err = msgpack.ReadString(rest)
		case metaIP:
			m.ip, rest, err = msgpack.ReadString(rest)
		case metaCommits:
			m.commits, rest, err = msgpack.ReadBytes(rest)
		case metaSealed:
			m.sealed, rest, err = msgpack.ReadBool(rest)
		case metaNext:
			m.next, rest, err = msgpack.ReadString(rest)
		case metaNextOwner:
			m.nextOwner, rest, err = msgpack.ReadString(rest)
		default:
			var n int
			if n, err = msgpack.Next(rest, msgpack.Limits{Depth: maxDepth}); err == nil {
				rest = rest[n:]
			}
		}
		if err != nil {
			return meta{}, err
		}
	}
	return m, m.check(version)
}

// metaJSON is meta in a JSON document. An owner that is not UTF-8 stands in ownerBytes.
type metaJSON struct {
	Version       int64  `json:"v"`
	Created       int64  `json:"created"`
	Authenticated int64  `json:"authenticated,omitempty"`
	Deadline      int64  `json:"deadline"`
	Owner         string `json:"owner,omitempty"`
	OwnerBytes    []byte `json:"ownerBytes,omitempty"`
	UserAgent     string `json:"userAgent,omitempty"`
	IP            string `json:"ip,omitempty"`
	Sealed        bool   `json:"sealed,omitempty"`
	Next          string `json:"next,omitempty"`
	NextOwner     string `json:"nextOwner,omitempty"`
	Commits       []byte `json:"commits"`
}

func (m *meta) appendJSON(out []byte) []byte {
	j := metaJSON{
		Version: formatVersion, Created: m.created, Authenticated: m.authenticated, Deadline: m.deadline,
		UserAgent: string(m.userAgent), IP: string(m.ip),
		Sealed: m.sealed, Next: string(m.next), NextOwner: string(m.nextOwner), Commits: m.commits,
	}
	if utf8.Valid(m.owner) {
		j.Owner = string(m.owner)
	} else {
		j.OwnerBytes = m.owner
	}
	encoded, err := JSON.encode(j)
	if err != nil {
		panic("cloakroom: " + err.Error()) // integers, strings and bytes: it can't fail
	}
	return append(out, encoded...)
}

func readMetaJSON(data []byte) (meta, error) {
	var j metaJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return meta{}, errors.New("what stands under " + strconv.Quote(nameReserved) + " is not ours")
	}
	bytesOf := func(s string) []byte {
		if s == "" {
			return nil
		}
		return []byte(s)
	}
	m := meta{
		created: j.Created, authenticated: j.Authenticated, deadline: j.Deadline,
		owner: bytesOf(j.Owner), userAgent: bytesOf(j.UserAgent), ip: bytesOf(j.IP),
		sealed: j.Sealed, next: bytesOf(j.Next), nextOwner: bytesOf(j.NextOwner), commits: j.Commits,
	}
	if len(j.OwnerBytes) > 0 {
		m.owner = j.OwnerBytes
	}
	return m, m.check(j.Version)
}

// check refuses what a writer of ours cannot have written.
func (m *meta) check(version int64) error {
	switch {
	case version > formatVersion:
		return errNewer
	case version < 1:
		return errForeign
	case len(m.commits)%commitIDBytes != 0 || len(m.commits) > commitIDsKept*commitIDBytes:
		return errors.New("commit ids of a wrong length")
	case m.deadline <= 0 || m.deadline > math.MaxInt64/2000 || m.created > math.MaxInt64/2000 || m.created < 0:
		return errors.New("times out of range")
	case m.next != nil && !m.sealed:
		return errors.New("names a next session without being sealed")
	}
	return nil
}
