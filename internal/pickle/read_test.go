package pickle_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

type sample struct {
	name        string
	pickle      []byte
	description string
}

// samples are what Python wrote: testdata/gen.py.
func samples(t testing.TB) []sample {
	t.Helper()
	b, err := os.ReadFile("testdata/pickles.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	for line := range strings.Lines(string(b)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		p, err := hex.DecodeString(fields[2])
		if err != nil || len(fields) != 4 {
			t.Fatalf("line of %q: %v", fields[0], err)
		}
		all = append(all, sample{fields[0] + "/" + fields[1], p, fields[3]})
	}
	return all
}

// What Python pickled in any protocol is read as what it was, written, and read again.
func TestPython(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			v, err := pickle.Decode(s.pickle)
			if err != nil {
				t.Fatal(err)
			}
			if s.description == "object" {
				if got := rewrite(t, v); got != graph(v) {
					t.Errorf("read   %s\nreread %s", graph(v), got)
				}
				return
			}
			if got := describe(v); got != s.description {
				t.Errorf("read   %s\nwant   %s", got, s.description)
			}
			again, err := pickle.Append([]byte("before"), v)
			if err != nil {
				t.Fatal(err)
			}
			v, err = pickle.Decode(again[len("before"):])
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(v); got != s.description {
				t.Errorf("reread %s\nwant   %s", got, s.description)
			}
		})
	}
}

// A pickle cut short anywhere is refused.
func TestTruncated(t *testing.T) {
	for _, s := range samples(t) {
		if len(s.pickle) > 1000 {
			continue
		}
		for n := range s.pickle {
			if v, err := pickle.Decode(s.pickle[:n]); err == nil {
				t.Errorf("%s: the first %d bytes are read as %s", s.name, n, describe(v))
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, pickle string
		want         error
	}{
		{"empty", "", pickle.ErrMalformed},
		{"no value", ".", pickle.ErrMalformed},
		{"two values", "NN.", pickle.ErrMalformed},
		{"bytes after the end", "N.N", pickle.ErrMalformed},
		{"protocol 6", "\x80\x06N.", pickle.ErrMalformed},
		{"a frame that promises more", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", pickle.ErrMalformed},
		{"bytes that promise more", "B\xff\xff\xff\x7fab.", pickle.ErrMalformed},
		{"a str that promises 2^63", "\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.", pickle.ErrMalformed},
		{"an int that promises more", "\x8b\xff\xff\xff\x7fa.", pickle.ErrMalformed},
		{"a str that is not UTF-8", "\x8c\x01\xff.", pickle.ErrMalformed},
		{"a str of Python 2 that is not ASCII", "U\x01\xff.", pickle.ErrMalformed},
		{"an item for what takes none", "NNa.", pickle.ErrMalformed},
		{"a key without a value", "}(Nu.", pickle.ErrMalformed},
		{"an unhashable key", "}]Ns.", pickle.ErrMalformed},
		{"an unhashable item", "\x8f(]\x90.", pickle.ErrMalformed},
		{"a pop beyond the mark", "N(\x85.", pickle.ErrMalformed},
		{"a tuple of what is below the mark", "N(\x85t0.", pickle.ErrMalformed},
		{"no such memo", "h\x00.", pickle.ErrMalformed},
		{"a memo beyond 32 bits", "Nq\x010g4294967297\n.", pickle.ErrMalformed},
		{"an unknown instruction", "\xff.", pickle.ErrMalformed},
		{"a persistent id", "Px\n.", pickle.ErrObject},
		{"an extension", "\x82\x01.", pickle.ErrObject},
		{"an int of 4301 digits", "L" + strings.Repeat("1", 4301) + "L\n.", pickle.ErrTooLarge},
		{"a wide int", "\x8b\x00\x10\x00\x00" + strings.Repeat("\x01", 4096) + ".", pickle.ErrTooLarge},
		{"very many values", strings.Repeat("N", pickle.MaxValues+1) + ".", pickle.ErrTooLarge},
		{"very many marks", strings.Repeat("(", pickle.MaxValues+1) + ".", pickle.ErrTooLarge},
		{"a long key, very often", "X\x00\x00\x10\x00" + strings.Repeat("k", 1<<20) + "q\x00}" + strings.Repeat("h\x00Ns", 1000) + ".", pickle.ErrTooLarge},
	} {
		v, err := pickle.Decode([]byte(c.pickle))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, error %v, want %v", c.name, v, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.pickle) < 1000 {
			f.Add(s.pickle)
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v, err := pickle.Decode(p)
		if err != nil {
			if !errors.Is(err, pickle.ErrMalformed) && !errors.Is(err, pickle.ErrObject) && !errors.Is(err, pickle.ErrTooLarge) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		out, err := pickle.Append(nil, v)
		if errors.Is(err, pickle.ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := pickle.Decode(out)
		if errors.Is(err, pickle.ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if a, b := graph(v), graph(again); a != b {
			t.Errorf("read %s, reread %s", a, b)
		}
	})
}

// longInt is an int of nearly as many digits as there may be, memorised as 0.
var longInt = "\x8b\xf4\x06\x00\x00" + strings.Repeat("\x7f", 1780) + "q\x000"

func sized8(op string, n uint64) string {
	return op + string(binary.LittleEndian.AppendUint64(nil, n))
}

const mebi = "\x00\x00\x10\x00" // a length of 1 MiB

var mebibyte = strings.Repeat("x", 1<<20)

// hostile are pickles that want something executed, or much for little. The error is nil where
// Python would execute them, and they are kept for it as they are.
func hostile(file string) []struct {
	name, pickle string
	want         error
} {
	touch := "Vtouch " + file + "\n"
	return []struct {
		name, pickle string
		want         error
	}{
		{"os.system, protocol 0", "cos\nsystem\n(" + touch + "tR.", nil},
		{"os.system, protocol 4", "\x80\x04\x8c\x02os\x8c\x06system\x93" + touch + "\x85R.", nil},
		{"posix.system", "cposix\nsystem\n(" + touch + "tR.", nil},
		{"os.system of an instance", "(" + touch + "ios\nsystem\n.", nil},
		{"os.system of an object", "(cos\nsystem\n" + touch + "o.", nil},
		{"os.system made anew", "cos\nsystem\n" + touch + "\x85\x81.", nil},
		{"os.system made anew by name", "cos\nsystem\n)}Vcommand\n" + touch + "s\x92.", nil},
		{"subprocess.Popen", "csubprocess\nPopen\n((Vtouch\nV" + file + "\nltR.", nil},
		{"subprocess.check_output in a dict", "}Vk\ncsubprocess\ncheck_output\n(" + touch + "tRs.", nil},
		{"eval", "c__builtin__\neval\n(Vopen('" + file + "','w')\ntR.", nil},
		{"exec", "cbuiltins\nexec\n(Vopen('" + file + "','w')\ntR.", nil},
		{"compile and exec", "cbuiltins\nexec\ncbuiltins\ncompile\n(Vopen('" + file + "','w')\nVx\nVexec\ntR\x85R.", nil},
		{"open", "cio\nopen\n(V" + file + "\nVw\ntR.", nil},
		{"__import__", "c__builtin__\n__import__\n(Vos\ntR.", nil},
		{"importlib", "cimportlib\nimport_module\n(Vos\ntR.", nil},
		{"getattr of a module", "cbuiltins\ngetattr\n(cbuiltins\n__import__\n(Vos\ntRVsystem\ntR(" + touch + "tR.", nil},
		{"a dotted name", "\x80\x04\x8c\x02os\x8c\x0epath.os.system\x93(" + touch + "tR.", nil},
		{"a dotted name in protocol 0", "cos\npath.join\n(tR.", pickle.ErrMalformed},
		{"apply", "capply\nf\n(cos\nsystem\n(" + touch + "ttR.", nil},
		{"map", "cbuiltins\nlist\n(cbuiltins\nmap\n(cos\nsystem\n(" + touch + "ltRtR.", nil},
		{"functools.partial", "cfunctools\npartial\n(cos\nsystem\ntR}(NttR.", pickle.ErrMalformed},
		{"partial with a state", "cfunctools\npartial\n(cos\nsystem\ntR(cos\nsystem\n(" + touch + "t}Ntb.", nil},
		{"operator.methodcaller", "coperator\nmethodcaller\n(Vsystem\n" + touch + "tR(cos\n_\ntR.", nil},
		{"types.FunctionType", "ctypes\nFunctionType\n(ctypes\nCodeType\n(tR}tR.", nil},
		{"marshal", "cmarshal\nloads\n(C\x01\xe3tR.", nil},
		{"pickle in a pickle", "cpickle\nloads\n(C\x04cos\ntR.", nil},
		{"webbrowser", "cwebbrowser\nopen\n(Vhttp://127.0.0.1\ntR.", nil},
		{"ctypes", "cctypes\nCDLL\n(Vlibc.so.6\ntR.", nil},
		{"a call in the arguments of a date", "cdatetime\ndate\n(cos\nsystem\n(" + touch + "tRtR.", nil},
		{"a call as a time zone", "cdatetime\ndatetime\n(C\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00cos\nsystem\n(" + touch + "tRtR.", nil},
		{"a call as a key", "}cos\nsystem\n(" + touch + "tRNs.", nil},
		{"a call in a set", "\x8f(cos\nsystem\n(" + touch + "tR\x90.", nil},
		{"a call in a frozenset", "(cos\nsystem\n(" + touch + "tR\x91.", nil},
		{"a call as a state", "cm\nC\n)\x81cos\nsystem\n(" + touch + "tRb.", nil},
		{"__setstate__ by state", "cm\nC\n)\x81}V__setstate__\ncos\nsystem\nsb(" + touch + "tb.", nil},
		{"a state of slots", "cm\nC\n)\x81N}V__class__\ncm\nD\ns\x86b.", nil},
		{"a state for a class", "cm\nC\n(N}V__init__\ncos\nsystem\nstb.", pickle.ErrObject},
		{"a state for a function", "cos\nsystem\n}b.", pickle.ErrObject},
		{"a state for a list", "]}b.", pickle.ErrObject},
		{"append that executes", "cm\nC\n)\x81cos\nsystem\n(" + touch + "tRa.", nil},
		{"__reduce__ of __reduce__", "cm\nf\n)R" + strings.Repeat(")R", 1000) + ".", nil},
		{"names from values", "\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93(" + touch + "tR.", nil},
		{"a name that is a number", "K\x01K\x02\x93.", pickle.ErrMalformed},
		{"a name that is a list", "]]\x93.", pickle.ErrMalformed},
		{"a long name", "c" + strings.Repeat("m", 600) + "\nf\n.", pickle.ErrTooLarge},
		{"a name that is not UTF-8", "c\xff\nf\n.", pickle.ErrMalformed},
		{"a call of a text", "Vos.system\n(tR.", pickle.ErrMalformed},
		{"a call with a list", "cos\nsystem\n(" + touch + "lR.", pickle.ErrMalformed},
		{"a call with what is called", "cos\nsystem\ncos\nsystem\nR.", pickle.ErrMalformed},
		{"an instance of nothing", "(o.", pickle.ErrMalformed},
		{"an extension", "\x82\x01.", pickle.ErrObject},
		{"an extension of 4 bytes", "\x84\x01\x00\x00\x00.", pickle.ErrObject},
		{"a persistent id", "Pos.system\n.", pickle.ErrObject},
		{"a persistent id of a value", "K\x01Q.", pickle.ErrObject},
		{"a buffer from outside", "\x97.", pickle.ErrObject},
		{"a read-only buffer", "\x96\x00\x00\x00\x00\x00\x00\x00\x00\x98.", pickle.ErrObject},
		{"text of 2^63 bytes", sized8("\x8d", 1<<63) + ".", pickle.ErrMalformed},
		{"bytes of 2^63-1 bytes", sized8("\x8e", 1<<63-1) + ".", pickle.ErrMalformed},
		{"a bytearray of 2^40 bytes", sized8("\x96", 1<<40) + ".", pickle.ErrMalformed},
		{"bytes of 4 GiB", "B\xff\xff\xff\xff.", pickle.ErrMalformed},
		{"an int of 2 GiB", "\x8b\xff\xff\xff\x7f.", pickle.ErrMalformed},
		{"an int of -1 bytes", "\x8b\xff\xff\xff\xff.", pickle.ErrMalformed},
		{"an int of very many digits", "L" + strings.Repeat("9", 1<<16) + "L\n.", pickle.ErrTooLarge},
		{"an int of very many bytes", "\x8b\x00\x00\x01\x00" + strings.Repeat("\x7f", 1<<16) + ".", pickle.ErrTooLarge},
		{"a float of very many digits", "F1" + strings.Repeat("0", 1<<16) + "\n.", pickle.ErrTooLarge},
		{"a frame longer than the pickle", sized8("\x80\x04\x95", 1<<40) + "N.", pickle.ErrMalformed},
		{"a frame that ends within a value", sized8("\x80\x04\x95", 2) + "\x8c\x01x.", nil},
		{"frames in frames", strings.Repeat(sized8("\x95", 1), 1000) + "N.", nil},
		{"protocol 255", "\x80\xffN.", pickle.ErrMalformed},
		{"a protocol in the middle", "\x80\x04(\x80\x00c__builtin__\nset\n)Rt.", nil},
		{"a memo index below zero", "Nq\x000g-1\n.", pickle.ErrMalformed},
		{"a memo index of 2^32", "Np4294967296\n.", pickle.ErrMalformed},
		{"a memo index of 2^32-1", "Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.", nil},
		{"a memo index that is no number", "Npx\n.", pickle.ErrMalformed},
		{"very many memo indices", strings.Repeat("N\x940", 1<<15) + "N.", nil},
		{"a memo written over", "Nq\x000]q\x00h\x00a.", nil},
		{"a stack that is empty", "0.", pickle.ErrMalformed},
		{"a mark that is missing", "t.", pickle.ErrMalformed},
		{"very many marks", strings.Repeat("(", 1<<16) + ".", pickle.ErrMalformed},
		{"very many marks, all popped", strings.Repeat("(", 1<<15) + strings.Repeat("1", 1<<15) + "N.", nil},
		{"very many duplicates", "N" + strings.Repeat("2", 1<<15) + "t.", pickle.ErrMalformed},
		{"deep lists", strings.Repeat("]", 1<<15) + strings.Repeat("a", 1<<15-1) + ".", nil},
		{"deep tuples", ")" + strings.Repeat("\x85", 1<<15) + ".", nil},
		{"deep calls", "cm\nf\n" + strings.Repeat(")R", 1<<15) + ".", nil},
		{"deep states", "N" + strings.Repeat("q\x000cm\nC\n)\x81h\x00b", 1<<13) + ".", nil},
		{"deep tuples as a key", "})" + strings.Repeat("\x85", 1<<15) + "Ns.", pickle.ErrTooLarge},
		{"doublings", "]q\x000" + strings.Repeat("]h\x00ah\x00aq\x000", 100) + "h\x00.", nil},
		{"doublings of tuples", ")" + strings.Repeat("2\x86", 100) + ".", nil},
		{"doublings of tuples as a key", "})" + strings.Repeat("2\x86", 100) + "Ns.", pickle.ErrTooLarge},
		{"doublings of frozensets as a key", "}" + "(\x91" + strings.Repeat("q\x000(h\x00h\x00\x86\x91", 100) + "Ns.", pickle.ErrTooLarge},
		{"doublings of calls", "cm\nf\n" + strings.Repeat("q\x00h\x00\x85R", 100) + ".", nil},
		{"a tuple of a long int, often, as a key", "}" + longInt + "(" + strings.Repeat("h\x00", 1<<14) + "tNs.", pickle.ErrTooLarge},
		{"a frozenset of tuples of a long int", longInt + "(" + strings.Repeat("(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00t", 1<<12) + "\x91.", pickle.ErrTooLarge},
		{"a long int as a key, often", "}" + longInt + strings.Repeat("h\x00Ns", 1<<15) + ".", pickle.ErrTooLarge},
		{"a long int, often", "](" + longInt + strings.Repeat("h\x00", 1<<14) + "e.", nil},
		{"a long text as a key, often", "}X" + mebi + mebibyte + "q\x000" + strings.Repeat("h\x00Ns", 1000) + ".", pickle.ErrTooLarge},
		{"long bytes in a set, often", "\x8fB" + mebi + mebibyte + "q\x000(" + strings.Repeat("h\x00", 1000) + "\x90.", pickle.ErrTooLarge},
		{"a long text encoded, often", "](X" + mebi + mebibyte + "q\x000" + strings.Repeat("c_codecs\nencode\nh\x00Vlatin1\n\x86R", 1000) + "e.", pickle.ErrTooLarge},
		{"a long text, often", "](X" + mebi + mebibyte + "q\x000" + strings.Repeat("h\x00", 1<<14) + "e.", nil},
		{"long bytes as a bytearray, often", "](B" + mebi + mebibyte + "q\x000cbuiltins\nbytearray\nq\x010" + strings.Repeat("h\x01h\x00\x85R", 1000) + "e.", nil},
		{"a long list as a set, often", "](](" + strings.Repeat("K\x01", 1<<15) + "eq\x000c__builtin__\nset\nq\x010" + strings.Repeat("h\x01h\x00\x85R", 1<<13) + "e.", pickle.ErrTooLarge},
		{"a long Decimal, often", "](Vq\x00" + strings.Repeat("9", 4000) + "\ncdecimal\nDecimal\n" + "q\x010" + strings.Repeat("h\x01h\x00\x85R", 1<<10) + "e.", pickle.ErrMalformed},
		{"a list within itself", "]q\x00h\x00a.", nil},
		{"a list within itself, often", "]q\x00(" + strings.Repeat("h\x00", 1<<14) + "e.", nil},
		{"a tuple within itself, by very many ways", "](" + manyWays(500), pickle.ErrMalformed},
		{"a dict as a key", "}}Ns.", pickle.ErrMalformed},
		{"floats that are no numbers, as keys", "}" + strings.Repeat("Fnan\nNs", 1<<12) + ".", nil},
	}
}

// manyWays returns what goes on with a tuple of lists each of which holds the tuple.
func manyWays(n int) string {
	return strings.Repeat("]", n) + "t" + strings.Repeat("N", n) + "."
}

// Nothing is executed, and steps and memory are bounded by the length of the pickle.
func TestHostile(t *testing.T) {
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "executed")) // no escapes in the pickles
	for _, c := range hostile(file) {
		t.Run(c.name, func(t *testing.T) {
			data := []byte(c.pickle)
			values, work, err := pickle.Cost(data)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if values > 2*len(data) || work > pickle.FuelFor(len(data))+2<<20 {
				t.Errorf("%d bytes took %d values and %d bytes of work", len(data), values, work)
			}
			var v pickle.Value
			if grew := allocated(func() { v, err = pickle.Decode(data) }); grew > 512*uint64(len(data))+4<<20 {
				t.Errorf("%d bytes took %d bytes of memory", len(data), grew)
			}
			if err != nil {
				return
			}
			var out []byte
			if grew := allocated(func() { out, err = pickle.Append(nil, v) }); grew > 1024*uint64(len(data))+4<<20 {
				t.Errorf("to write %d bytes again took %d bytes of memory", len(data), grew)
			}
			switch {
			case errors.Is(err, pickle.ErrTooLarge):
			case err != nil:
				t.Error(err)
			case len(out) > 64*len(data)+1<<10:
				t.Errorf("%d bytes became %d", len(data), len(out))
			case graph(v) != rewrite(t, v):
				t.Errorf("became another value")
			}
		})
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a pickle was executed")
	}
	if n := len(hostile(file)); n < 57 {
		t.Errorf("%d pickles", n)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
