package msgspec_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// Objects are encoded as by the library, or as what they are based on, as far as their pickles
// tell, by whichever Python and protocol: testdata/objects.py.
func TestEncodesObjects(t *testing.T) {
	for _, line := range lines(t, "objects.txt") {
		v := unpickle(t, line[3])
		for i, f := range formats {
			name := fmt.Sprintf("%s/%s/Python %s, protocol %s", f.name, line[0], line[1], line[2])
			got, err := f.write(nil, v)
			if line[4] == "!" {
				if !errors.Is(err, pickle.ErrObject) && !errors.Is(err, msgspec.ErrHold) {
					t.Errorf("%s: %x, error %v", name, got, err)
				}
				continue
			}
			if want := unhex(t, line[5+i]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: error %v\n%x (%q)\nwant %x (%q)", name, err, got, got, want, want)
			}
		}
	}
}

// What no pickle of Python looks like is not read, and costs no panic.
func TestOddObjects(t *testing.T) {
	for _, p := range []string{
		"cos\nsystem\nVtrue\n\x85R.", "csubprocess\nPopen\nVtrue\n\x85R.", "cbuiltins\neval\nV1\n\x85R.", "cm\n\nV1\n\x85R.", "cm\nC\n)\x81.", "cm\nC\n]\x85R.",
		"ccopy_reg\n_reconstructor\n)R.", "ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nint\nVx\ntR]b.", "ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nlist\nNtR.",
		"cdatetime\ndatetime\nNN\x86R.", "cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00cm\nf\n)R\x86R.", "cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00cpytz\n_p\n)R\x86R.",
		"cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00cpytz\n_p\n(Vx\nL100000000000L\nK\x00NtR\x86R.", "cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00cpytz\n_FixedOffset\nL99999L\n\x85R\x86R.",
		"\x80\x04cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00czoneinfo\nZoneInfo._unpickle\nV../../etc/passwd\nK\x01\x86R\x86R.", "\x80\x04cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00czoneinfo\nZoneInfo._unpickle\nVLocal\nK\x01\x86R\x86R.",
		"\x80\x04cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00czoneinfo\nZoneInfo._unpickle\nVNowhere/Land\nK\x01\x86R\x86R.",
		"cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00cdateutil.tz.tz\ntzoffset\n)\x81}V_offset\nNsb\x86R.", "ccollections\nCounter\n]\x85R.", "ccollections\nOrderedDict\n)R]Nsb.", "cwerkzeug.datastructures\nMultiDict\n)\x81.",
		"cwerkzeug.datastructures\nImmutableMultiDict\n]N\x86a\x85R.", "cuuid\nUUID\n)\x81}Vint\nNsb.", "cm\nC\n)\x81}K\x01Nsb.", "cm\nC\n)\x81N}\x86b}b.", "(im\nC\n}b.", "(cm\nC\nVx\no.", "cm\nC\n)R)R.",
		"cm\nC\n)\x81q\x00h\x00Ns.", "cm\nC\n)\x81q\x00cm\nC\n)\x81h\x00Nsq\x01Ns.",
	} {
		v, err := pickle.Decode([]byte(p))
		if err != nil {
			if !errors.Is(err, pickle.ErrMalformed) {
				t.Errorf("%q: %v", p, err)
			}
			continue
		}
		for _, f := range formats {
			if got, err := f.write(nil, v); !errors.Is(err, pickle.ErrObject) && !errors.Is(err, msgspec.ErrHold) {
				t.Errorf("%s: %q became %q, error %v", f.name, p, got, err)
			}
		}
	}
}

// Keys that are objects with much in them cost no more than others, however often they
// are named.
func TestObjectKeys(t *testing.T) {
	const n = 1 << 12
	var state, pairs strings.Builder
	for i := range n {
		fmt.Fprintf(&state, "Vk%d\nN", i)
		fmt.Fprintf(&pairs, "Vk%d\nN\x86", i)
	}
	for name, key := range map[string]string{
		"a state": "cm\nK\n)\x81}(" + state.String() + "ub",
		"a list":  "cwerkzeug.datastructures\nImmutableMultiDict\n](" + pairs.String() + "e\x85R",
	} {
		dicts := strings.Repeat("cm\nD\n)\x81h\x00Ns", 100)
		v, err := pickle.Decode([]byte("\x80\x04(" + key + "q\x00" + dicts + "l."))
		if err != nil {
			t.Fatal(err)
		}
		all := v.(*pickle.List).Items
		if got := testing.AllocsPerRun(1, func() {
			for _, item := range all[1:] {
				if _, ok := msgspec.Plain(item.(*pickle.Object)); ok {
					t.Fatal("a dict with such a key is read")
				}
			}
		}); got > 4*100 {
			t.Errorf("%s: 100 dicts took %v allocations", name, got)
		}
	}
}

// What Python never writes is not read: a key twice, which may be long, and steps
// without end. A pickle names them in a few bytes, and each time they would be looked
// at again.
func TestCostlyObjects(t *testing.T) {
	long := "V" + strings.Repeat("k", 300) + "\np1\n"
	for name, p := range map[string]string{
		"a key twice":        "ccollections\nOrderedDict\n)R(Va\nNVa\nNu.",
		"a long key twice":   "cwerkzeug.datastructures\nImmutableMultiDict\n](" + long + "N\x86g1\nN\x86e\x85R.",
		"states without end": "ccollections\nOrderedDict\n)R" + strings.Repeat("Nb", 100) + ".",
		"an enum's states":   "ccollections\nOrderedDict\n)R(cm\nC\nVx\n\x85\x81" + strings.Repeat("Nb", 100) + "Nu.",
	} {
		v, err := pickle.Decode([]byte("\x80\x02" + p))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, f := range formats {
			if got, err := f.write(nil, v); !errors.Is(err, pickle.ErrObject) && !errors.Is(err, msgspec.ErrHold) {
				t.Errorf("%s, %s: became %q, error %v", f.name, name, got, err)
			}
		}
	}
	short := "\x80\x02cwerkzeug.datastructures\nImmutableMultiDict\n](Va\nK\x01\x86Va\nK\x02\x86e\x85R."
	for _, f := range formats {
		if got, err := f.write(nil, unpickle(t, fmt.Sprintf("%x", short))); err != nil {
			t.Errorf("%s: a short key twice: %q, %v", f.name, got, err)
		}
	}
}

// Modules of Python and of well-known packages have no enums that are called with one text, so
// what a class of theirs was called with is not taken for its value.
func TestNoEnums(t *testing.T) {
	for module := range strings.FieldsSeq(`_io array builtins ctypes decimal fractions functools
		io ipaddress itertools msgspec numpy operator pathlib pytz random re subprocess threading
		types urllib weakref xml xml.dom`) {
		refuses(t, module+".Class", "c"+module+"\nClass\nVx\n\x85R.")
	}
	for _, name := range []string{"", "a", "z", "_", "@", "[", "Outer.a"} {
		refuses(t, "m."+name, "\x80\x04cm\n"+name+"\nVx\n\x85R.")
	}
	for _, name := range []string{"A", "Z", "Class", "outer.A"} {
		becomes(t, "m."+name, "\x80\x04cm\n"+name+"\nVx\n\x85R.", "x")
	}
	becomes(t, "a module whose name only begins so", "cxml_\nClass\nVx\n\x85R.", "x")
}

// refuses checks that both formats refuse an object, and do not panic.
func refuses(t *testing.T, name, p string) {
	t.Helper()
	v, err := pickle.Decode([]byte(p))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, f := range formats {
		got, err := f.write(nil, v)
		if !errors.Is(err, pickle.ErrObject) && !errors.Is(err, msgspec.ErrHold) {
			t.Errorf("%s: %s became %q, error %v", f.name, name, got, err)
		}
	}
}

// becomes checks that both formats write an object as they write a plain value.
func becomes(t *testing.T, name, p string, plain pickle.Value) {
	t.Helper()
	v, err := pickle.Decode([]byte(p))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, f := range formats {
		want, err := f.write(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.write(nil, v); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s became %q, error %v, want %q", f.name, name, got, err, want)
		}
	}
}

// What differs in one point from what Python writes is not read as that.
func TestAlmostObjects(t *testing.T) {
	const (
		when    = "C\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00"
		dict    = "ccollections\nOrderedDict\n)R"
		tools   = "cwerkzeug.datastructures\n"
		multi   = tools + "ImmutableMultiDict\n"
		utc     = "cpytz\n_UTC\n)R"
		reduced = "ccopy_reg\n_reconstructor\n"
	)
	for name, p := range map[string]string{
		"an enum of nothing":               "cm\nC\n)R.",
		"an enum of two":                   "cm\nC\n(Vx\nVy\ntR.",
		"an enum that has a state":         "cm\nC\nVx\n\x85R}b.",
		"a reconstructor as a class":       reduced + "(cm\nC\nc__builtin__\nobject\nNt\x81}b.",
		"a reconstructor of two":           reduced + "(cm\nC\nc__builtin__\nobject\ntR}b.",
		"another base":                     reduced + "(cm\nC\ncm\nobject\nNtR}b.",
		"an int of text":                   reduced + "(cm\nC\nc__builtin__\nint\nVx\ntR.",
		"a str of a number":                reduced + "(cm\nC\nc__builtin__\nunicode\nK\x01tR.",
		"a tuple of a list":                reduced + "(cm\nC\nc__builtin__\ntuple\n]tR.",
		"a dict of a list":                 reduced + "(cm\nC\nc__builtin__\ndict\n]tR.",
		"a state of a pair without None":   "cm\nC\n)\x81Vx\n}\x86b.",
		"a state of one":                   "cm\nC\n)\x81N\x85b.",
		"a state of three":                 "cm\nC\n)\x81(N}}tb.",
		"a state told twice":               "cm\nC\n)\x81}b}b.",
		"a Counter of two":                 "ccollections\nCounter\n(}}tR.",
		"an OrderedDict of a list":         "ccollections\nOrderedDict\n]\x85R.",
		"an OrderedDict of a dict":         "ccollections\nOrderedDict\n}\x85R.",
		"another class of collections":     "ccollections\nUserDict\n)R.",
		"an ImmutableMultiDict of two":     multi + "(]]tR.",
		"an ImmutableMultiDict of threes":  multi + "](Va\nNNta\x85R.",
		"an ImmutableMultiDict of numbers": multi + "]K\x01N\x86a\x85R.",
		"an ImmutableMultiDict of text":    multi + "]Va\na\x85R.",
		"a CombinedMultiDict":              tools + "CombinedMultiDict\n]\x85R.",
		"a class of another werkzeug":      "cwerkzeug.datastructuresx\nImmutableDict\n}\x85R.",
		"a MultiDict with an item":         tools + "MultiDict\n)\x81}a.",
		"an ImmutableDict of two":          tools + "ImmutableDict\n(}}tR.",
		"a UUID that is too long": "\x80\x02cuuid\nUUID\n)\x81}Vint\n\x8a\x12" +
			strings.Repeat("\x7f", 18) + "sb.",
		"a dict with a tuple as a key": dict + "()Nu.",
		"a dict with a large key": "\x80\x02" + dict +
			"(\x8a\x0a" + strings.Repeat("\x7f", 10) + "Nu.",
		"a key of nothing":    dict + "(cm\nC\n)\x81Nu.",
		"a key with items":    dict + "(cm\nC\nVx\n\x85\x81(K\x01K\x02uNu.",
		"a key of a list":     dict + "(cm\nC\n]\x85\x81Nu.",
		"a datetime of three": "cdatetime\ndatetime\n(" + when + utc + "NtR.",
		"a datetime of nine bytes": "cdatetime\ndatetime\n(C\x09" +
			when[3:12] + utc + "tR.",
		"a timedelta with a zone": "cdatetime\ntimedelta\n(" + when + utc + "tR.",
	} {
		refuses(t, name, p)
	}
	v, err := pickle.Decode([]byte("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R."))
	if err != nil {
		t.Fatal(err)
	}
	if plain, ok := msgspec.Plain(v.(*pickle.Object)); !ok || len(plain.(*pickle.Dict).Keys) != 0 {
		t.Errorf("an empty defaultdict: %#v, %v", plain, ok)
	}
}
