package document

import (
	"errors"
	"slices"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

// listed returns the names and the encoded values of a document, in order.
func listed(d *Document) []string {
	list := make([]string, 0, len(d.fields))
	for i := range d.fields {
		list = append(list, string(d.fields[i].name)+"="+string(d.fields[i].encoded()))
	}
	return list
}

// TestDraft: what a draft changes is its own: the document that it began with stays as it is.
func TestDraft(t *testing.T) {
	base := smallDocument(MessagePack)
	before := listed(&base)
	d := base.Draft()
	if d.Set("n1", []byte("1")); !d.Unchanged(&base) || d.Owned() {
		t.Error("a value that is set once more is a change")
	}
	d.Set("n1", []byte("2"))
	d.Set("new", []byte("3"))
	d.Remove("n0")
	d.Remove("none")
	want := []string{"n1=2", "n2=1", "new=3"}
	if got := listed(&d.Document); !slices.Equal(got, want) || d.Unchanged(&base) || !d.Owned() {
		t.Errorf("%q, want %q", got, want)
	}
	if got := listed(&base); !slices.Equal(got, before) {
		t.Errorf("the document became %q", got)
	}
	d.Remove("new")
	d.Set("n1", []byte("1"))
	d.Set("n0", []byte("1"))
	if !d.Unchanged(&base) {
		t.Error("a draft with the same values, in another order, is a change")
	}
	if d.SetOwner([]byte("ann")); d.Unchanged(&base) {
		t.Error("another owner is no change")
	}
	copied := d
	copied.Disown()
	if copied.Set("n2", []byte("2")); string(d.value("n2")) != "1" {
		t.Error("a change of a copy changes the draft")
	}
}

// TestSame: documents hold the same values in any order, and no others, however they came there.
func TestSame(t *testing.T) {
	base := smallDocument(MessagePack)
	reversed := smallDocument(MessagePack)
	slices.Reverse(reversed.fields)
	text := base.Draft()
	text.Set("n1", encodeText("a"))
	late := base.Draft()
	late.setText("n1", []byte("a"))
	if !base.Same(&reversed) || !text.Same(&late.Document) || base.Same(&text.Document) {
		t.Error("the same values are not the same, or others are")
	}
	fewer := base.Draft()
	fewer.Remove("n2")
	if fewer.Same(&base) || base.Same(&fewer.Document) {
		t.Error("a value that is missing makes no difference")
	}
	changed := reversed.Draft()
	if changed.Set("n0", []byte("2")); changed.Same(&base) {
		t.Error("in another order, another value is the same")
	}
	other := reversed.Draft()
	other.Remove("n0")
	if other.Set("n3", []byte("1")); other.Same(&base) {
		t.Error("in another order, another name is the same")
	}
}

// TestChanged: what is new or other than in the base is told, by name and value, until an error,
// and what has no name is not.
func TestChanged(t *testing.T) {
	base := smallDocument(MessagePack)
	d := base.Draft()
	d.Set("n1", []byte("2"))
	d.Set("new", []byte("3"))
	d.fields = append(d.fields, field{value: []byte("\x01\x02")})
	var got []string
	note := func(name, value []byte) error {
		got = append(got, string(name)+"="+string(value))
		return nil
	}
	want := []string{"n1=2", "new=3"}
	if err := d.Changed(&base, note); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	failed := errors.New("failed")
	calls := 0
	err := d.Changed(&base, func(_, _ []byte) error { calls++; return failed })
	if !errors.Is(err, failed) || calls != 1 {
		t.Errorf("%v after %d", err, calls)
	}
}

// TestRefuse: a Set of one more value than there may be is refused, unless there were as many
// before, and one of a name that is there never is.
func TestRefuse(t *testing.T) {
	base := smallDocument(MessagePack)
	d := base.Draft()
	add, again := SetText("more", "v"), SetText("n0", "v")
	remove := Operation{Kind: Delete, Name: "more"}
	for _, test := range []struct {
		op           Operation
		most, before int
		want         error
	}{
		{add, 4, 0, nil},
		{add, 3, 0, store.ErrTooLarge},
		{add, 2, 4, nil},
		{add, 2, 3, store.ErrTooLarge},
		{again, 3, 0, nil},
		{remove, 3, 0, nil},
	} {
		if err := d.Refuse(&test.op, test.most, test.before); !errors.Is(err, test.want) {
			t.Errorf("%s, at most %d, before %d: %v", test.op.Name, test.most, test.before, err)
		}
	}
	if d.CheckLen(3, 0) != nil || d.CheckLen(2, 3) != nil || d.CheckLen(2, 0) == nil {
		t.Error("the number of values is checked otherwise")
	}
}

// TestLists: a list comes back as its items, an empty one is none, and what is no list stays.
func TestLists(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		item := func(v any) []byte {
			encoded, err := format.encode(v)
			if err != nil {
				t.Fatal(err)
			}
			return encoded
		}
		base := Document{format: format, meta: meta{created: 1, deadline: 2}}
		base.fields = []field{
			{name: []byte("text"), value: item("no list")}, {name: []byte("nil"), value: item(nil)},
		}
		d := base.Draft()
		if len(d.List("list"))+len(d.List("text"))+len(d.List("nil")) != 0 {
			t.Errorf("%v: there are items where there is no list", format)
		}
		items := [][]byte{item("a"), item([]int{1, 2}), item(map[string]int{"b": 3})}
		for _, name := range []string{"list", "text", "nil"} {
			d.SetList(name, items)
			if got := d.List(name); (name != "text") != slices.EqualFunc(got, items, slices.Equal) {
				t.Errorf("%v, %s: %q", format, name, got)
			}
		}
		if v, err := Decode[[]any](d.At("list"), "list"); err != nil || len(v) != 3 {
			t.Errorf("%v: %v, %v", format, v, err)
		}
		d.SetList("list", nil)
		if d.SetList("text", nil); d.At("list").Present() || !d.At("text").Present() {
			t.Errorf("%v: an empty list is left, or what is no list is not", format)
		}
	}
}

// TestPersistent: whether the cookie persists is a property of the session: it stays when all
// values are removed, and counts as none of them.
func TestPersistent(t *testing.T) {
	for _, format := range []Format{MessagePack, JSON} {
		base := smallDocument(format)
		d := base.Draft()
		if d.Persistent() || d.SetPersistent(true) != nil || !d.Persistent() || d.Empty() {
			t.Errorf("%v: persistent %v", format, d.Persistent())
		}
		if d.clear(); !d.Persistent() || d.Len() != 1 || !d.Empty() || d.Unchanged(&base) {
			t.Errorf("%v: %q", format, listed(&d.Document))
		}
		if d.SetPersistent(false) != nil || d.Persistent() || d.Len() != 0 {
			t.Errorf("%v: %q", format, listed(&d.Document))
		}
		if base.Len() != 3 {
			t.Errorf("%v: the document is cleared too", format)
		}
		none := Document{format: format}
		empty := none.Draft()
		if empty.clear(); empty.Owned() || !empty.Unchanged(&none) {
			t.Errorf("%v: clearing nothing is a change", format)
		}
	}
}

// TestRoom: memory that is used again is empty first, so that it keeps no former record alive, and
// much memory is not kept.
func TestRoom(t *testing.T) {
	used := smallDocument(MessagePack)
	room := used.Room()
	var d Document
	if d.Reuse(room); len(d.fields) != 0 || cap(d.fields) != cap(room) {
		t.Errorf("%d fields, room for %d of %d", len(d.fields), cap(d.fields), cap(room))
	}
	for i := range room {
		if room[i].name != nil || room[i].value != nil {
			t.Error("a former value is still there")
		}
	}
	var large Document
	if large.Reuse(make(Room, 0, maxRoom+1)); cap(large.fields) != 0 {
		t.Errorf("room for %d is kept", cap(large.fields))
	}

	small := smallDocument(MessagePack)
	fit, ok := Room(nil).Fit(&small)
	if !ok || cap(fit) < len(small.fields)+2 {
		t.Errorf("room for %d, %v", cap(fit), ok)
	}
	draft := small.Draft()
	draft.Use(fit)
	if draft.Set("more", []byte("1")); &draft.fields[0] != &fit[:1][0] {
		t.Error("the room is not used")
	}
	if again, ok := fit.Fit(&small); !ok || cap(again) != cap(fit) {
		t.Error("room that is large enough is not used again")
	}
	if fit.Clear(); draft.fields[0].name != nil {
		t.Error("a former name is still there")
	}
	small.fields = make([]field, maxRoom-1)
	if _, ok := fit.Fit(&small); ok {
		t.Error("large room is kept")
	}
}
