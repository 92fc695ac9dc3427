package msgpack

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// TestNoAliasing: overwriting the input changes nothing that was decoded.
func TestNoAliasing(t *testing.T) {
	type all struct {
		S string
		B []byte
		H hash
		X Ext
		A any
		M map[string][]byte
		L []blob
		P *blob
	}
	p := blob("pppp")
	in := all{"ssss", []byte("bbbb"), hash{1, 2, 3, 4}, Ext{9, []byte("eeee")}, []any{[]byte("aaaa"), Ext{8, []byte("xx")}}, map[string][]byte{"kkkk": []byte("mmmm")}, []blob{blob("llll")}, &p}
	b, err := Append(nil, in, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	orig := bytes.Clone(b)
	var out all
	var bin []byte
	var anything any
	if err := errors.Join(Unmarshal(b, &out, Limits{}), Unmarshal(b, &anything, Limits{})); err != nil {
		t.Fatal(err)
	}
	one := AppendBytes(nil, []byte("zz"))
	if err := Unmarshal(one, &bin, Limits{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, orig) {
		t.Error("Unmarshal wrote to its input")
	}
	clear(b)
	clear(one)
	again, err := Append(nil, anything, Limits{})
	if err != nil || len(again) != len(orig) || !reflect.DeepEqual(in, out) || string(bin) != "zz" {
		t.Errorf("decoded values share memory with the input: %+v, %q, %v", out, bin, err)
	}
	var back all
	if err := Unmarshal(again, &back, Limits{}); err != nil || !reflect.DeepEqual(in, back) {
		t.Errorf("a decoded any shares memory with the input: %+v, %v", back, err)
	}
	// What the target held before is not written through either.
	held := []int{1, 2, 3}
	target := held[:2]
	if err := Unmarshal(unhex("9107"), &target, Limits{}); err != nil || held[0] != 1 {
		t.Errorf("the old slice was written to: %v, %v", held, err)
	}
}
