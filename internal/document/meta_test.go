package document

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// fullNotes are notes of which each part takes as much room as it can.
func fullNotes() meta {
	m := meta{
		created: latest, authenticated: latest, deadline: latest, sealed: true,
		owner: bytes.Repeat([]byte("o"), 1<<16), commits: make([]byte, commitIDsKept*commitIDBytes),
	}
	for _, name := range []string{UserAgent, IP, Next, NextOwner, Application} {
		m.setText(name, strings.Repeat("t", 300))
	}
	return m
}

// TestSizeOfNotes: the room that is made for the notes is enough, and little more.
func TestSizeOfNotes(t *testing.T) {
	full := fullNotes()
	plain := full
	plain.owner, plain.authenticated, plain.sealed = nil, 0, false
	for _, m := range []meta{full, plain} {
		for _, text := range []bool{false, true} {
			commits := commitList{kept: m.commits, text: text}
			size := m.size() + commits.size()
			got := len(m.appendMessagePack(nil, commits))
			if got > size || got < size-8 {
				t.Errorf("as text %v: %d bytes, and room for %d", text, got, size)
			}
		}
	}
	d := Document{meta: full}
	for range 20 {
		name := bytes.Repeat([]byte("n"), 300)
		d.fields = append(d.fields, field{name: name, value: []byte("\x01")})
	}
	if got := testing.AllocsPerRun(10, func() { d.Encode() }); got != 1 {
		t.Errorf("encode: %v allocations", got)
	}
}

// TestCommitsOfDocument: a document tells which commits it notes, and the newest of them.
func TestCommitsOfDocument(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		d := New(format, "", false, time.Unix(1, 0), time.Unix(2, 0))
		first, last := CommitID{1}, CommitID{2}
		if d.NewestCommit() != nil || d.HasCommit(first[:]) {
			t.Errorf("%v: a new document notes a commit", format)
		}
		d.EncodeWith(first, false)
		d.EncodeWith(last, false)
		if !d.HasCommit(first[:]) || !d.HasCommit(last[:]) || d.HasCommit([]byte("12345678")) ||
			!bytes.Equal(d.NewestCommit(), last[:]) {
			t.Errorf("%v: it notes %x", format, d.meta.commits)
		}
		for range 40 {
			d.EncodeWith(first, false)
		}
		if got := len(d.meta.commits); got != 16*8 || d.HasCommit(last[:]) {
			t.Errorf("%v: %d bytes of commits, and versions of before take 16 ids", format, got)
		}
		base := New(format, "", false, time.Unix(1, 0), time.Unix(2, 0))
		draft := d.Draft()
		if draft.KeepCommits(&base); draft.HasCommit(first[:]) {
			t.Errorf("%v: the draft keeps commits that are not its base's", format)
		}
	}
}

// TestEncodeShared: where another library reads the record too, the notes are text and numbers,
// with the owner among the values alone, and they come back.
func TestEncodeShared(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		d := New(format, "", false, time.Unix(1, 0), time.Unix(2, 0))
		d.SetOwner([]byte("the owner"))
		var id CommitID
		var data []byte
		for i := range commitIDsKept + 1 {
			id = CommitID{byte(i), 0xff}
			data = d.EncodeShared(id)
		}
		if string(d.Owner()) != "the owner" || bytes.Contains(data, []byte("the owner")) {
			t.Errorf("%v: %q", format, data)
		}
		text := base64.StdEncoding.EncodeToString(d.meta.commits)
		if !bytes.Contains(data, []byte(text)) {
			t.Errorf("%v: the commits are no text: %q", format, data)
		}
		var got Document
		if err := (Bounds{}).Decode(data, &got); err != nil || got.Owner() != nil ||
			!got.HasCommit(id[:]) || !bytes.Equal(got.meta.commits, d.meta.commits) {
			t.Errorf("%v: %v, commits %x", format, err, got.meta.commits)
		}
	}
}

// TestSealOfDocument: a seal names the next session, and holds nothing else of the one before.
func TestSealOfDocument(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		began, end := time.Unix(1, 0), time.Unix(2, 0)
		base := New(format, "shop", true, began, end.Add(time.Hour))
		d := perform(t, &base, SetText("a", "1"))
		seal := d.Seal(end, "next", "digest")
		if !seal.Sealed() || seal.Len() != 0 || seal.Format() != format ||
			string(seal.Text(Next)) != "next" || string(seal.Text(NextOwner)) != "digest" ||
			seal.Text(Application) != nil || !seal.Created().Equal(began) ||
			seal.Over(end.Add(-time.Microsecond)) || !seal.Over(end) ||
			!seal.Authenticated().IsZero() {
			t.Errorf("%v: %+v", format, seal)
		}
		if last := d.Seal(end, "", ""); last.Text(Next) != nil || !last.Sealed() {
			t.Errorf("%v: %+v", format, last)
		}
		d.LimitDeadline(end)
		if d.LimitDeadline(end.Add(time.Minute)); !d.Deadline().Equal(end) {
			t.Errorf("%v: it ends at %v", format, d.Deadline())
		}
	}
}

// TestDamagedNotes: notes end where their map ends, their names are strings, and their times are
// none before 1970.
func TestDamagedNotes(t *testing.T) {
	record := func(values, notes int, parts ...[]byte) []byte {
		data := msgpack.AppendString(msgpack.AppendMapHeader(nil, values), nameReserved)
		return append(msgpack.AppendMapHeader(data, notes), bytes.Join(parts, nil)...)
	}
	number := func(name string, n uint64) []byte {
		return msgpack.AppendUint(msgpack.AppendString(nil, name), n)
	}
	version, created := number(metaVersion, 1), number(metaCreated, 1<<40)
	authenticated, deadline := number(metaAuthenticated, 1<<40), number(metaDeadline, 1<<41)
	before := number(metaAuthenticated, 1<<63)
	commits := msgpack.AppendBytes(msgpack.AppendString(nil, metaCommits), make([]byte, 8))
	text := func(s string) []byte {
		return msgpack.AppendString(msgpack.AppendString(nil, metaCommits), s)
	}
	for name, test := range map[string]struct {
		data []byte
		want bool
	}{
		"ours": {record(1, 5, version, created, authenticated, deadline, commits), true},
		"a note behind the commits": {
			record(1, 5, version, created, deadline, commits, authenticated), true,
		},
		"a value called as a note is": {
			record(2, 4, version, created, deadline, commits, authenticated), true,
		},
		"the deadline behind the notes": {record(2, 2, version, created, deadline, commits), false},
		"a name that is no string": {
			record(1, 5, version, created, deadline, commits, []byte("\x07\x08")), false,
		},
		"commits in base64": {
			record(1, 5, version, created, authenticated, deadline, text("AAAAAAAAAAA=")), true,
		},
		"commits in other text": {
			record(1, 5, version, created, authenticated, deadline, text("AAAAAAAAAAA=!")), false,
		},
		"commits that are no text": {
			record(1, 5, version, created, authenticated, deadline, number(metaCommits, 1)), false,
		},
		"a time before 1970": {record(1, 5, version, created, before, deadline, commits), false},
		"no map":             {[]byte("\x81\xaa" + nameReserved + "\x01"), false},
		"no object":          {[]byte(`{"` + nameReserved + `":1}`), false},
	} {
		var d Document
		if err := (Bounds{}).Decode(test.data, &d); (err == nil) != test.want {
			t.Errorf("%s: %v", name, err)
		} else if err == nil && (!d.Created().Equal(time.UnixMicro(1<<40)) ||
			d.Authenticated().IsZero() != (d.Len() == 1)) {
			t.Errorf("%s: %+v", name, d.meta)
		}
	}
}
