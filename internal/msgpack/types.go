package msgpack

import (
	"encoding"
	"math/big"
	"net/url"
	"reflect"
	"sync"
	"time"
)

// form is how a type is encoded, if not by its reflect.Kind. To add one, change infoOf,
// encoder.value and decoder.value, isKey if the type can be a map key, and the package
// comment; keep reading what the type was stored as before.
type form uint8

const (
	formKind   form = iota // by its reflect.Kind
	formTime               // time.Time
	formExt                // Ext
	formBigInt             // big.Int, as int where it fits, else as str
	formURL                // url.URL, as str
	formText               // MarshalText and UnmarshalText, as str
	formBinary             // MarshalBinary and UnmarshalBinary alone, as bin
)

// typeInfo is what Append and Unmarshal know about a type.
type typeInfo struct {
	form form
	// text: the type can be a map key, by its text methods.
	text bool
	// binary: UnmarshalBinary can decode a bin.
	binary bool
	// fields returns the fields of a struct that is encoded by its kind, or why there are
	// none.
	fields func() (*structInfo, error)
}

var (
	timeType      = reflect.TypeFor[time.Time]()
	extType       = reflect.TypeFor[Ext]()
	bigIntType    = reflect.TypeFor[big.Int]()
	urlType       = reflect.TypeFor[url.URL]()
	durationType  = reflect.TypeFor[time.Duration]()
	stringMapType = reflect.TypeFor[map[string]any]()

	binaryMarshaler   = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryUnmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	textMarshaler     = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

var typeInfos sync.Map // reflect.Type to *typeInfo

// infoOf returns the typeInfo of t, which is neither a pointer nor an interface.
func infoOf(t reflect.Type) *typeInfo {
	if info, ok := typeInfos.Load(t); ok {
		return info.(*typeInfo)
	}
	info := &typeInfo{}
	// The method set of *t holds the methods of t too.
	p := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer:
	case t == timeType:
		info.form = formTime
	case t == extType:
		info.form = formExt
	default:
		info.text = p.Implements(textMarshaler) && p.Implements(textUnmarshaler)
		info.binary = p.Implements(binaryMarshaler) && p.Implements(binaryUnmarshaler)
		switch {
		case t == bigIntType:
			info.form = formBigInt
		case t == urlType:
			info.form = formURL
		case info.text:
			info.form = formText
		case info.binary:
			info.form = formBinary
		}
	}
	if info.form == formKind && t.Kind() == reflect.Struct {
		// Computed on demand, since collecting fields asks for the infos of their types.
		info.fields = sync.OnceValues(func() (*structInfo, error) { return collectFields(t) })
	}
	actual, _ := typeInfos.LoadOrStore(t, info)
	return actual.(*typeInfo)
}

// isBytes reports whether t, a slice or an array, is encoded as bin.
func isBytes(t reflect.Type) bool {
	return t.Elem().Kind() == reflect.Uint8 && infoOf(t.Elem()).form == formKind
}
