package document

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// perform returns what operations make of a document, as values of strings by name.
func perform(t *testing.T, d *Document, ops ...Operation) Draft {
	t.Helper()
	draft, err := d.Perform(ops)
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

func textAt(t *testing.T, d *Document, name string) string {
	t.Helper()
	text, err := Decode[string](d.At(name), name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOperations: operations are performed in order, in a document of either format, whichever
// their values were encoded in.
func TestOperations(t *testing.T) {
	at := time.Unix(1_760_000_000, 0)
	for _, format := range []Format{MessagePack, JSON} {
		for _, encoded := range []Format{MessagePack, JSON} {
			number, err := SetValue(encoded, "number", 1.5)
			if err != nil {
				t.Fatal(err)
			}
			text := SetText("text", "a")
			if err := text.Settle(encoded); err != nil {
				t.Fatal(err)
			}
			same := format == encoded
			if text.Fits(format) != same || number.Fits(format) != same {
				t.Errorf("%v in %v: it fits %v", encoded, format, text.Fits(format))
			}
			if remove := (Operation{Kind: Delete}); !remove.Fits(format) {
				t.Error("an operation without a value fits a format only")
			}
			base := New(format, "", false, at, at.Add(time.Hour))
			d := perform(t, &base, SetText("gone", "b"), Operation{Kind: Clear}, text, number,
				SetText("gone", "c"), Operation{Kind: Delete, Name: "gone"},
				Operation{Kind: Renew}, Operation{Kind: Change, Change: func(d *Draft) error {
					value, err := Encode(d.Format(), "changed", true)
					d.Set("changed", value)
					return err
				}})
			n, err := Decode[float64](d.At("number"), "number")
			if err != nil || n != 1.5 || textAt(t, &d.Document, "text") != "a" || d.Len() != 3 ||
				!d.format.truth(d.value("changed")) {
				t.Errorf("%v in %v: %q, %v", encoded, format, listed(&d.Document), err)
			}
			late := base.Draft()
			if err := late.Apply(&text, true); err != nil {
				t.Fatal(err)
			}
			if textAt(t, &late.Document, "text") != "a" || late.fields[0].bare != (text.bare &&
				format == MessagePack) {
				t.Errorf("%v in %v, late: %q", encoded, format, listed(&late.Document))
			}
		}
	}
	failed := errors.New("failed")
	fail := Operation{Kind: Change, Change: func(d *Draft) error {
		d.Remove("n0")
		return failed
	}}
	base := smallDocument(MessagePack)
	d := base.Draft()
	if err := d.Apply(&fail, false); !errors.Is(err, failed) || d.Len() != 3 {
		t.Errorf("an operation that fails changes the draft: %v", err)
	}
	if _, err := base.Perform([]Operation{fail}); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	broken, _ := SetValue(JSON, "k", 1)
	broken.value = []byte("{")
	var named *DecodeError
	if err := d.Apply(&broken, false); !errors.As(err, &named) || named.Name != "k" {
		t.Errorf("a value that cannot be read: %v", err)
	}
}

// TestKinds: what a commit asks of its operations is found among all of them.
func TestKinds(t *testing.T) {
	set, must := SetText("a", "1"), Operation{Kind: Change, Must: true}
	signIn, renewal := Operation{Kind: SignIn}, Operation{Kind: Renew}
	if First(nil, Set) != -1 || First([]Operation{set, signIn, set}, SignIn) != 1 {
		t.Error("an operation is found elsewhere")
	}
	if MovesTicket([]Operation{set, must}) || !MovesTicket([]Operation{set, signIn}) ||
		!MovesTicket([]Operation{renewal, set}) {
		t.Error("a new ticket is asked for by a sign-in and a renewal")
	}
	if AnyMust([]Operation{set, signIn}) || !AnyMust([]Operation{set, must}) {
		t.Error("what must be certain is not found")
	}
}

// TestSignIn: a sign-in notes its owner, where from and when. What one owner left is removed before
// the next one's.
func TestSignIn(t *testing.T) {
	began := time.Unix(1_760_000_000, 0)
	for _, format := range []Format{MessagePack, JSON} {
		base := New(format, "shop", true, began, began.Add(time.Hour))
		signIn := func(owner string, at time.Time) Operation {
			return Operation{Kind: SignIn, Login: &Login{
				Owner: owner, UserAgent: "browser", IP: "::1", At: at, Deadline: at.Add(time.Hour),
				ValueName: "user",
			}}
		}
		first, later := began.Add(time.Minute), began.Add(2*time.Minute)
		d := perform(t, &base, SetText("a", "1"), signIn("ann", first))
		if string(d.Owner()) != "ann" || string(d.Text(UserAgent)) != "browser" ||
			string(d.Text(IP)) != "::1" || string(d.Text(Application)) != "shop" ||
			!d.Authenticated().Equal(first) || !d.Deadline().Equal(first.Add(time.Hour)) ||
			!d.Created().Equal(began) || textAt(t, &d.Document, "user") != "ann" ||
			textAt(t, &d.Document, "a") != "1" || base.Owner() != nil {
			t.Errorf("%v: %+v", format, d.meta)
		}
		again := perform(t, &d.Document, signIn("ann", later))
		if !again.Created().Equal(began) || textAt(t, &again.Document, "a") != "1" ||
			!again.Authenticated().Equal(later) {
			t.Errorf("%v, once more: %+v", format, again.meta)
		}
		other := perform(t, &d.Document, signIn("bob", later))
		if string(other.Owner()) != "bob" || !other.Created().Equal(later) ||
			other.At("a").Present() || !other.Persistent() ||
			textAt(t, &other.Document, "user") != "bob" {
			t.Errorf("%v, another owner: %+v", format, other.meta)
		}
	}
}

// TestCheckName: a name is 1 to 255 bytes of UTF-8, and none of those that mean something else.
func TestCheckName(t *testing.T) {
	good := []string{
		"a", "_a", "_permanently", "flashes", "cloakroom", strings.Repeat("n", MaxName),
	}
	bad := []string{
		"", strings.Repeat("n", MaxName+1), "\xff", NamePermanent, NameFlashes, nameReserved,
		nameReserved + "2",
	}
	for _, name := range slices.Concat(good, bad) {
		err := CheckName(name)
		if want := slices.Contains(bad, name); want != errors.Is(err, ErrInvalidName) {
			t.Errorf("%.40q: %v", name, err)
		}
	}
}
