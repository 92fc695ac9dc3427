package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const sharedPrefix = "session:"

// shared makes the policy that of sessions that another library reads and writes too.
func shared(c *Config) {
	c.Policy = Policy{
		SlidesOnWrite: true,
		Valid:         ticket.Valid,
		ID:            func(t string) string { return sharedPrefix + t },
		Mint: func() (string, string) {
			t := ticket.New()
			return t, sharedPrefix + t
		},
		Owns:      func(id string) bool { return strings.HasPrefix(id, sharedPrefix) },
		Spell:     func(id string) string { return strings.TrimPrefix(id, sharedPrefix) },
		OwnerName: "_user_id",
		ClearName: "_remember",
		CheckValue: func(_ document.Format, value []byte) error {
			if strings.Contains(string(value), "secret") {
				return errFirst
			}
			return nil
		},
	}
}

// foreign stores a record as the other library writes it, and returns its id.
func (r *rig) foreign(ops ...document.Operation) string {
	r.t.Helper()
	doc := document.New(document.JSON, "", false, r.Now(), r.Now())
	d, err := doc.Perform(ops)
	if err != nil {
		r.t.Fatal(err)
	}
	data := d.Encode()
	at := strings.Index(string(data), `,"_cloakroom"`)
	if at < 0 {
		r.t.Fatalf("a document without notes: %s", data)
	}
	_, id := r.config.Policy.Mint()
	rec := store.Record{Data: append(data[:at:at], '}'), Expires: r.Now().Add(testIdle)}
	if _, err := r.mem.Create(r.t.Context(), id, rec); err != nil {
		r.t.Fatal(err)
	}
	return id
}

// TestOwn: Cloakroom's own tickets become ids that differ by application, and former ones are taken
// where they may still come.
func TestOwn(t *testing.T) {
	plain, shop, former := Own("", false), Own("shop", false), Own("", true)
	made, id := shop.Mint()
	if !shop.Valid(made) || shop.ID(made) != id || plain.ID(made) == id || !shop.Owns(id) ||
		shop.Owns(made) {
		t.Errorf("%s, %s", made, id)
	}
	if uuid := "7a52cbf2-3c0e-4a0c-9c28-6a5b2f4a0001"; plain.Valid(uuid) || !former.Valid(uuid) {
		t.Error("a former ticket")
	}
	if plain.Shared() || !plain.KeepsEmpty || !plain.LeavesSeal || !plain.HasIndex ||
		!plain.SlidesOnRead || plain.SlidesOnWrite {
		t.Errorf("%+v", plain)
	}
}

// TestDecodeFillsIn: what a store leaves out of a record, its document says.
func TestDecodeFillsIn(t *testing.T) {
	r := newRig(t)
	st := r.signedIn("alice")
	rec := st.Record
	rec.Owner, rec.Deadline = "", r.Now()
	bare := State{ID: st.ID, Record: rec}
	r.want(r.decode(&bare), nil)
	if bare.Record.Owner != r.digest("alice") || !bare.Record.Deadline.Equal(st.Doc.Deadline()) {
		t.Errorf("%+v", bare.Record)
	}
	bare.Record.Owner = "as it is"
	r.want(r.decode(&bare), nil)
	if bare.Record.Owner != "as it is" {
		t.Errorf("%+v", bare.Record)
	}
	none := r.other(func(c *Config) { c.Policy.HasIndex = false })
	none.want(none.decode(&bare), nil)
	if bare.Record.Owner != "" || none.indexOwner(&bare.Doc) != "" {
		t.Errorf("%+v", bare.Record)
	}
	seal := State{Record: r.seal(&st, "next", "the next owner")}
	r.want(r.decode(&seal), nil)
	if seal.Record.Owner != st.Record.Owner || r.indexOwner(&seal.Doc) != "the next owner" {
		t.Errorf("%+v", seal.Record)
	}
	if end := r.seal(&st, "", ""); end.Owner != "" {
		t.Errorf("a seal that names no session is in the index of %q", end.Owner)
	}
}

// TestOwnerChanges: a session that changes its owner changes the index, and one that keeps it keeps
// what the store calls it.
func TestOwnerChanges(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	if st.Record.Owner != "" {
		t.Errorf("an anonymous session is in the index of %q", st.Record.Owner)
	}
	r.run(&st, r.login("alice"))
	if st.Record.Owner != r.digest("alice") {
		t.Error("alice's is not in her index")
	}
	shop := r.other(func(c *Config) { c.Application, c.Policy = "shop", Own("shop", false) })
	theirs := shop.signedIn("alice")
	want := ticket.Digest("shop", "alice")
	if r.run(&theirs, set("a", "1")); theirs.Record.Owner != want {
		t.Error("a session of another application changes its index")
	}
	theirs.Record.Owner = ""
	if r.run(&theirs, set("a", "2")); theirs.Record.Owner != want {
		t.Error("an owner is taken for one of this application")
	}
	if r.run(&st, r.login("bob")); st.Record.Owner != r.digest("bob") {
		t.Error("bob's is not in his index")
	}
}

// TestSharedOwner: the owner stands among the values, as text or as a number.
func TestSharedOwner(t *testing.T) {
	r := newRig(t, shared)
	number, err := document.SetValue(document.JSON, "_user_id", 17)
	r.want(err, nil)
	flag, err := document.SetValue(document.JSON, "_user_id", true)
	r.want(err, nil)
	for want, op := range map[string]document.Operation{
		"alice": set("_user_id", "alice"), "17": number, "": set("_user_id", ""),
		"none": set("a", "1"), "true": flag,
	} {
		st := r.load(r.foreign(op))
		owner := st.Doc.Owner()
		if want == "" || want == "none" || want == "true" {
			if owner != nil {
				t.Errorf("%s: %q", want, owner)
			}
		} else if string(owner) != want || string(r.config.Policy.OwnerIn(&st.Doc)) != want {
			t.Errorf("%q, want %q", owner, want)
		}
		if !st.Doc.Created().Equal(r.Now()) ||
			!st.Record.Deadline.Equal(r.Now().Add(testLifetime)) {
			t.Errorf("%s: it ends at %v", want, st.Record.Deadline)
		}
	}
	st := r.signedIn("alice")
	if got := r.text(st.ID, "_user_id"); got != "alice" || st.Record.Owner != "" ||
		r.mem.Len() != 6 {
		t.Errorf("the owner is %q; %d records", got, r.mem.Len())
	}
	r.run(&st, set("_user_id", "bob"))
	if !st.belongsTo("bob") {
		t.Errorf("the owner is %q", st.Doc.Owner())
	}
	own := Own("", false)
	if got := own.OwnerIn(&st.Doc); string(got) != "bob" {
		t.Errorf("%q", got)
	}
}

// TestSharedEmpty: a session without values has no record where the other library keeps none.
func TestSharedEmpty(t *testing.T) {
	r := newRig(t, shared)
	st := r.begin(set("a", "1"))
	r.run(&st, set("a", "1"))
	res := r.run(&st, remove("a"))
	if !res.Emptied || !res.Written || st.Stored() || r.mem.Len() != 0 {
		t.Errorf("%+v; %d records", res, r.mem.Len())
	}
	if res := r.run(&st, set("a", "1"), remove("a")); res.Written || st.Stored() ||
		r.mem.Len() != 0 {
		t.Errorf("%+v; %d records", res, r.mem.Len())
	}
	st = r.begin(set("a", "1"))
	r.inject(storetest.OpDelete, storetest.Failed())
	if res := r.run(&st, remove("a")); !res.Emptied || r.mem.Len() != 0 {
		t.Errorf("a deletion that failed at first: %+v; %d records", res, r.mem.Len())
	}
	st = r.begin(set("a", "1"))
	r.inject(storetest.OpDelete, storetest.Failed().Reporting(store.ErrRefused))
	_, err := r.commit(st, remove("a")).Run()
	if r.want(err, store.ErrRefused); r.text(st.ID, "a") != "1" {
		t.Error("a deletion that was refused took place")
	}
	own := newRig(t)
	st = own.begin(set("a", "1"))
	if res := own.run(&st, remove("a")); res.Emptied || !st.Stored() || own.mem.Len() != 1 {
		t.Errorf("%+v; %d records", res, own.mem.Len())
	}
}

// TestClears: the other library's cookies are cleared where a value asks for it, which is not
// stored, and where another owner signs in.
func TestClears(t *testing.T) {
	r := newRig(t, shared)
	st := r.begin(set("a", "1"))
	steps := []struct {
		name string
		op   document.Operation
		want bool
	}{
		{"the first sign-in", r.login("alice"), false},
		{"the same owner", r.login("alice"), false},
		{"a value", set("a", "2"), false},
		{"another word", set("_remember", "set"), false},
		{"the word", set("_remember", "clear"), true},
		{"another owner", r.login("bob"), true},
	}
	for _, step := range steps {
		if res := r.run(&st, step.op); res.ClearsForeign != step.want {
			t.Errorf("%s: %v", step.name, res.ClearsForeign)
		}
		want := ""
		if step.name == "another word" {
			want = "set"
		}
		if got := r.text(st.ID, "_remember"); got != want {
			t.Errorf("%s: %q is stored", step.name, got)
		}
	}
	own := newRig(t)
	mine := own.signedIn("alice")
	if res := own.run(&mine, own.login("bob")); res.ClearsForeign {
		t.Error("it clears cookies of no other library")
	}
}

// TestCheckValue: what the other library could not read is refused, by its name, and what stands
// there already is not asked about.
func TestCheckValue(t *testing.T) {
	r := newRig(t, shared)
	st := r.begin(set("a", "1"))
	_, err := r.commit(st, set("b", "secret")).Run()
	if r.want(err, errFirst); !strings.Contains(err.Error(), `"b"`) ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	loose := r.other(shared, func(c *Config) { c.Policy.CheckValue = nil })
	loose.run(&st, set("b", "secret"))
	r.run(&st, set("a", "2"))
	if r.text(st.ID, "b") != "secret" {
		t.Error("what was there is gone")
	}
}

// TestConvert: a record of another form is converted, and stored in that form again.
func TestConvert(t *testing.T) {
	form := func(c *Config) {
		shared(c)
		c.Policy.Convert = func(data []byte) ([]byte, error) {
			text, ok := strings.CutPrefix(string(data), "form:")
			if !ok {
				return nil, errSecond
			}
			return []byte(text), nil
		}
		c.Policy.Restore = func(doc, before []byte) ([]byte, error) {
			if strings.Contains(string(doc), "refuse") {
				return nil, errFirst
			}
			return fmt.Appendf(nil, "form:%s", doc), nil
		}
	}
	r := newRig(t, form)
	st := r.begin(set("a", "1"))
	if !strings.HasPrefix(string(st.Record.Data), "form:") || r.text(st.ID, "a") != "1" {
		t.Errorf("%q", st.Record.Data)
	}
	c := r.commit(st, set("a", "refuse"))
	if _, err := c.Run(); !errors.Is(err, errFirst) ||
		!strings.Contains(err.Error(), "encode record") {
		t.Errorf("%v", err)
	}
	bad := State{Record: store.Record{Data: []byte("garbage")}}
	r.want(r.decode(&bad), errSecond)
	bad.Record.Data = []byte("form:garbage")
	if err := r.decode(&bad); err == nil {
		t.Error("what converts to garbage is read")
	}
}
