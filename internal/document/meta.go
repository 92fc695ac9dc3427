package document

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// formatVersion is the version of what stands under the reserved name. A record of a
// higher one reads as unreadable, and is kept.
const formatVersion = 1

// meta is what Cloakroom notes about a session, under the reserved name of its
// document. Times are microseconds since 1970. Byte slices may point into the record
// and are never written to.
type meta struct {
	created       int64
	authenticated int64 // zero before a sign-in
	deadline      int64 // the absolute one
	owner         []byte
	commits       []byte // ids of the latest commits, the newest last
	texts         []byte // what is seldom asked for, still encoded; see text

	// A seal stands where a session was: it reads as no session and takes no write. Its
	// texts name the id that the session moved to, if it did, and the hash of that
	// one's owner.
	sealed bool
}

// nextText returns the parts of the text that stands at m.texts[start], which is its
// entry in the map.
func (m *meta) nextText(start int) (name, text []byte, end int) {
	name, rest, err := msgpack.ReadString(m.texts[start:])
	if err == nil {
		text, rest, err = msgpack.ReadString(rest)
	}
	if err != nil {
		panic("cloakroom: texts that were not checked")
	}
	return name, text, len(m.texts) - len(rest)
}

// text returns what is noted under a name, or nil.
func (m *meta) text(name string) []byte {
	for start := 0; start < len(m.texts); {
		key, text, end := m.nextText(start)
		if string(key) == name {
			return text
		}
		start = end
	}
	return nil
}

// setText notes a text. An empty one means none.
func (m *meta) setText(name, text string) {
	texts := make([]byte, 0, len(m.texts)+len(name)+len(text)+6)
	for start := 0; start < len(m.texts); {
		key, _, end := m.nextText(start)
		if string(key) != name {
			texts = append(texts, m.texts[start:end]...)
		}
		start = end
	}
	if text != "" {
		texts = msgpack.AppendString(msgpack.AppendString(texts, name), text)
	}
	m.texts = texts
}

func (m *meta) countTexts() (n int) {
	for start := 0; start < len(m.texts); n++ {
		_, _, start = m.nextText(start)
	}
	return n
}

const (
	commitIDBytes = 8
	commitIDsKept = 16
)

// CommitID is the id of a commit: 64 random bits. A record keeps its latest 16.
type CommitID [commitIDBytes]byte

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

// keptCommits returns the list of commits without what must make room for one more.
func (m *meta) keptCommits() []byte {
	over := len(m.commits) - (commitIDsKept-1)*commitIDBytes
	return m.commits[max(0, over):]
}

// withCommit returns the list of commits with one more.
func (m *meta) withCommit(id CommitID) []byte {
	kept := m.keptCommits()
	list := make([]byte, 0, len(kept)+commitIDBytes)
	return append(append(list, kept...), id[:]...)
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
	metaCommits       = "commits"
	metaSealed        = "sealed"
)

// The notes that are texts, for [Document.Text].
const (
	UserAgent   = "userAgent" // of the latest sign-in
	IP          = "ip"        // likewise
	Next        = "next"      // of a seal: the id that the session moved to
	NextOwner   = "nextOwner" // of a seal: the digest of the owner of that session
	Application = "application"
)

// size bounds the length of what appendMessagePack appends from above, but for commit ids.
func (m *meta) size() int {
	const number = 1 + 9 // the headers of a name and of a time
	n := 3 + len(metaVersion) + 2 + number + len(metaCreated) + number + len(metaDeadline) +
		1 + len(metaCommits) + 3
	if m.authenticated != 0 {
		n += number + len(metaAuthenticated)
	}
	if m.owner != nil {
		n += 1 + len(metaOwner) + 5 + len(m.owner)
	}
	if m.sealed {
		n += 1 + len(metaSealed) + 1
	}
	return n + len(m.texts)
}

// commitList is a list of commit ids as a MessagePack document has it: in two parts,
// the older first, as bytes or, where another library reads the record too, as text in
// base64.
type commitList struct {
	kept, more []byte
	text       bool
}

// size bounds the length of what append appends from above, but for the header.
func (l *commitList) size() int {
	n := len(l.kept) + len(l.more)
	if l.text {
		return base64.StdEncoding.EncodedLen(n)
	}
	return n
}

func (l *commitList) append(out []byte) []byte {
	if l.text {
		ids := append(append(make([]byte, 0, commitIDsKept*commitIDBytes), l.kept...), l.more...)
		out = msgpack.AppendStringHeader(out, l.size())
		return base64.StdEncoding.AppendEncode(out, ids)
	}
	out = msgpack.AppendBytesHeader(out, l.size())
	return append(append(out, l.kept...), l.more...)
}

// appendMessagePack writes these commit ids in place of m.commits. They come last.
func (m *meta) appendMessagePack(out []byte, commits commitList) []byte {
	n := 4 + m.countTexts()
	if m.authenticated != 0 {
		n++
	}
	if m.owner != nil {
		n++
	}
	if m.sealed {
		n++
	}
	out = msgpack.AppendMapHeader(out, n)
	out = msgpack.AppendInt(msgpack.AppendString(out, metaVersion), formatVersion)
	out = msgpack.AppendInt(msgpack.AppendString(out, metaCreated), m.created)
	if m.authenticated != 0 {
		out = msgpack.AppendInt(msgpack.AppendString(out, metaAuthenticated), m.authenticated)
	}
	out = msgpack.AppendInt(msgpack.AppendString(out, metaDeadline), m.deadline)
	if m.owner != nil {
		out = msgpack.AppendStringHeader(msgpack.AppendString(out, metaOwner), len(m.owner))
		out = append(out, m.owner...)
	}
	if m.sealed {
		out = msgpack.AppendBool(msgpack.AppendString(out, metaSealed), true)
	}
	out = append(out, m.texts...)
	return commits.append(msgpack.AppendString(out, metaCommits))
}

// readMessagePack reads what stands under the reserved name of a document, one value at
// the start of data, and returns its length.
func (m *meta) readMessagePack(data []byte) (int, error) {
	*m = meta{}
	count, rest, err := msgpack.ReadMapHeader(data)
	if err != nil {
		return 0, err
	}
	var (
		version int64
		next    bool
		at      = len(data) - len(rest)
		texts   int // where they begin
	)
	// The times, as appendMessagePack writes them: entries one by one nearly double the
	// time of a small record.
	const first = "\xa1" + metaVersion + "\x01\xa7" + metaCreated + "\xcf"
	if count >= 4 && readTime(&m.created, data, &at, first) {
		version, count = 1, count-2
		if readTime(&m.authenticated, data, &at, "\xad"+metaAuthenticated+"\xcf") {
			count--
		}
		if readTime(&m.deadline, data, &at, "\xa8"+metaDeadline+"\xcf") {
			count--
		}
	}
	// What comes last, likewise, but for an owner before it.
	if count == 1 && readList(&m.commits, data, &at, "\xa7"+metaCommits+"\xc4") {
		count = 0
	}
	for range count {
		start := at
		begin, end, err := msgpack.NextString(data, at)
		if err != nil {
			return 0, err
		}
		rest := data[end:]
		switch name := data[begin:end]; string(name) {
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
		case metaCommits:
			m.commits, rest, err = readCommits(rest)
		case metaSealed:
			m.sealed, rest, err = msgpack.ReadBool(rest)
		case UserAgent, IP, Next, NextOwner, Application:
			if _, rest, err = msgpack.ReadString(rest); err != nil {
				break
			}
			for start := 0; start < len(m.texts); {
				var other []byte
				if other, _, start = m.nextText(start); string(other) == string(name) {
					return 0, errTwice
				}
			}
			next = next || string(name) == Next
			end := len(data) - len(rest)
			if len(m.texts) == 0 {
				texts = start
			}
			if texts+len(m.texts) == start { // no other note has come in between
				m.texts = data[texts:end:end]
			} else {
				m.texts = append(m.texts, data[start:end]...) // has no room left, so copies
			}
		default:
			var n int
			if n, err = msgpack.Next(rest, msgpack.Limits{Depth: maxDepth - 2}); err == nil {
				rest = rest[n:]
			}
		}
		if err != nil {
			return 0, err
		}
		at = len(data) - len(rest)
	}
	return at, m.check(version, next)
}

// readCommits reads commit ids. They are base64 where another library made MessagePack
// of a JSON document, see the root package's Profile.
func readCommits(b []byte) (ids, rest []byte, err error) {
	if ids, rest, err = msgpack.ReadBytes(b); err == nil {
		return ids, rest, nil
	}
	text, rest, textErr := msgpack.ReadString(b)
	if textErr != nil {
		return nil, nil, err
	}
	ids, err = base64.StdEncoding.AppendDecode(nil, text)
	return ids, rest, err
}

// readTime reads a time if what stands at data[*at] begins with head, and then passes
// over both.
func readTime(t *int64, data []byte, at *int, head string) bool {
	i := *at + len(head)
	if len(data) < i+8 || string(data[*at:i]) != head || data[i] >= 0x80 {
		return false
	}
	*t, *at = int64(binary.BigEndian.Uint64(data[i:])), i+8
	return true
}

// readList is readTime for a list of commit ids.
func readList(list *[]byte, data []byte, at *int, head string) bool {
	i := *at + len(head)
	if len(data) <= i || string(data[*at:i]) != head {
		return false
	}
	begin, end := i+1, i+1+int(data[i])
	if len(data) < end {
		return false
	}
	*list, *at = data[begin:end:end], end
	return true
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
	Application   string `json:"application,omitempty"`
	Commits       []byte `json:"commits"`
}

func (m *meta) encodeJSON() []byte {
	j := metaJSON{
		Version: formatVersion, Created: m.created,
		Authenticated: m.authenticated, Deadline: m.deadline,
		UserAgent: string(m.text(UserAgent)), IP: string(m.text(IP)), Sealed: m.sealed,
		Next: string(m.text(Next)), NextOwner: string(m.text(NextOwner)),
		Application: string(m.text(Application)), Commits: m.commits,
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
	return encoded
}

var errNotes = errors.New("what stands under " + strconv.Quote(nameReserved) + " is not ours")

func readMetaJSON(data []byte) (meta, error) {
	var j metaJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return meta{}, errNotes
	}
	m := meta{
		created: j.Created, authenticated: j.Authenticated, deadline: j.Deadline,
		sealed: j.Sealed, commits: j.Commits,
	}
	if len(j.OwnerBytes) > 0 {
		m.owner = j.OwnerBytes
	} else if j.Owner != "" {
		m.owner = []byte(j.Owner)
	}
	for _, t := range [...]struct{ name, text string }{
		{UserAgent, j.UserAgent}, {IP, j.IP}, {Next, j.Next}, {NextOwner, j.NextOwner},
		{Application, j.Application},
	} {
		if t.text != "" {
			m.setText(t.name, t.text)
		}
	}
	return m, m.check(j.Version, j.Next != "")
}

// latest is the last time that a record may note, in the year 2262: after it, there are
// no nanoseconds since 1970 in 64 bits, which stores count in.
const latest = math.MaxInt64 / 1000

// check refuses what a writer of ours cannot have written. next tells that a next
// session is named.
func (m *meta) check(version int64, next bool) error {
	switch {
	case version > formatVersion:
		return errNewer
	case version < 1:
		return errForeign
	case len(m.commits)%commitIDBytes != 0 || len(m.commits) > commitIDsKept*commitIDBytes:
		return errors.New("commit ids of a wrong length")
	case m.deadline <= 0 || m.deadline > latest || m.created > latest || m.created < 0:
		return errors.New("times out of range")
	case next && !m.sealed:
		return errors.New("names a next session without being sealed")
	}
	return nil
}
