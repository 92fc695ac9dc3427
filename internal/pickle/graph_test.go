package pickle_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"unsafe"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// rewrite writes a value, reads it again and describes it.
func rewrite(t testing.TB, v pickle.Value) string {
	t.Helper()
	out, err := pickle.Append([]byte("before"), v)
	if err != nil {
		t.Fatalf("cannot be written: %v", err)
	}
	again, err := pickle.Decode(out[len("before"):])
	if err != nil {
		t.Fatalf("cannot be read again: %v (%x)", err, out)
	}
	return graph(again)
}

// graph describes a value with what it shares: a number stands for what was described before.
func graph(v pickle.Value) string {
	g := grapher{seen: map[any]int{}}
	g.value(v)
	return g.out.String()
}

type grapher struct {
	out  strings.Builder
	seen map[any]int
}

// begin reports whether a value is described for the first time, and as which.
func (g *grapher) begin(id any) bool {
	if n, ok := g.seen[id]; ok {
		fmt.Fprintf(&g.out, "#%d", n)
		return false
	}
	g.seen[id] = len(g.seen)
	fmt.Fprintf(&g.out, "%d=", len(g.seen)-1)
	return true
}

func (g *grapher) all(name string, items []pickle.Value) {
	g.out.WriteString(name + "(")
	for _, item := range items {
		g.value(item)
		g.out.WriteByte(',')
	}
	g.out.WriteByte(')')
}

func (g *grapher) value(v pickle.Value) {
	switch v := v.(type) {
	case pickle.Tuple:
		if len(v) == 0 || g.begin(&v[0]) {
			g.all("tuple", v)
		}
	case *pickle.List:
		if g.begin(v) {
			g.all("list", v.Items)
		}
	case *pickle.Set:
		if g.begin(v) {
			g.all(fmt.Sprintf("set%v", v.Frozen), v.Items)
		}
	case *pickle.Dict:
		if g.begin(v) {
			g.all("keys", v.Keys)
			g.all("values", v.Values)
		}
	case *pickle.Object:
		if !g.begin(v) {
			return
		}
		fmt.Fprintf(&g.out, "object%d ", v.Made)
		g.value(v.Func)
		g.value(v.Args)
		if v.Kwargs != nil {
			g.value(v.Kwargs)
		}
		for _, step := range v.Steps {
			g.all(fmt.Sprintf("step%d", step.Kind), step.Items)
		}
	case pickle.Global:
		fmt.Fprintf(&g.out, "%q", v)
	case pickle.ByteArray:
		if cap(v) == 0 || g.begin(&v[:1][0]) {
			g.out.WriteString(describe(v))
		}
	case string:
		if len(v) < long || g.begin(unsafe.StringData(v)) {
			g.out.WriteString(describe(v))
		}
	case pickle.Bytes:
		if len(v) < long || g.begin(&v[0]) {
			g.out.WriteString(describe(v))
		}
	case *big.Int:
		if g.begin(v) {
			g.out.WriteString(describe(v))
		}
	default:
		g.out.WriteString(describe(v))
	}
}

// long is the length of texts and bytes that are described once.
const long = 17

// What is shared, or within itself, is written so that it is that again.
func TestSharing(t *testing.T) {
	for name, p := range map[string]string{
		"a list twice":                         "](]q\x00h\x00e.",
		"a list within itself":                 "]q\x00h\x00a.",
		"a dict within itself":                 "}q\x00Vk\nh\x00s.",
		"a tuple within itself":                "]q\x00h\x00\x85q\x01a0h\x01.",
		"a tuple of four within itself":        "]q\x00(h\x00NNNtq\x01a0h\x01.",
		"a tuple within itself, by two ways":   "]q\x00]q\x02\x86q\x01h\x00h\x01a0h\x02h\x01a0.",
		"an object within its state":           "cm\nC\n)\x81q\x00}Vme\nh\x00sb.",
		"an object within its arguments":       "]q\x00cm\nC\nh\x00\x85Rq\x01h\x00h\x01a0\x86.",
		"an instance within its arguments":     "]q\x000(cm\nC\nh\x00oq\x01h\x00h\x01a0.",
		"an object made by name within itself": "]q\x000cm\nC\nh\x00\x85}\x92q\x01h\x00h\x01a0.",
		"an object that makes objects":         "cm\nf\n)Rq\x00)Rh\x00)R\x86.",
		"a frozen set within itself":           "cm\nC\n)\x81q\x00(h\x00\x91q\x01h\x00h\x01b0\x86.",
		"a bytearray twice":                    "\x96\x02\x00\x00\x00\x00\x00\x00\x00abq\x00h\x00\x86.",
		"an empty bytearray twice":             "c__builtin__\nbytearray\n)Rq\x00h\x00\x86.",
		"two bytearrays of the same bytes":     "c__builtin__\nbytearray\nq\x00C\x01xq\x01\x85Rh\x00h\x01\x85R\x86.",
		"a deep one":                           strings.Repeat("]", 2000) + strings.Repeat("a", 1999) + ".",
		"60 doublings":                         "]q\x000" + strings.Repeat("]h\x00ah\x00aq\x000", 60) + "h\x00.",
		"60 doublings of tuples":               "N" + strings.Repeat("q\x00h\x00\x86", 60) + ".",
	} {
		v, err := pickle.Decode([]byte(p))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := rewrite(t, v), graph(v); got != want {
			t.Errorf("%s: read %s\nreread %s", name, want, got)
		}
	}
}

// A value within itself by very many ways is written once for each of few, or refused.
func TestManyWays(t *testing.T) {
	for _, n := range []int{10, 100, 1000} {
		lists := make([]*pickle.List, n)
		tuple := make(pickle.Tuple, n)
		for i := range lists {
			lists[i] = &pickle.List{}
			tuple[i] = lists[i]
		}
		for _, l := range lists {
			l.Items = []pickle.Value{tuple}
		}
		out, err := pickle.Append(nil, tuple)
		if n == 1000 {
			if !errors.Is(err, pickle.ErrTooLarge) {
				t.Errorf("%d ways: %d bytes, error %v", n, len(out), err)
			}
			continue
		}
		if err != nil || rewrite(t, tuple) != graph(tuple) {
			t.Errorf("%d ways: error %v", n, err)
		}
	}
}
