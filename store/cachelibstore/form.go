package cachelibstore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
)

// form is what a file is made of.
type form uint8

const (
	// formPickle is four bytes of expiry and a pickle: cachelib from 0.7 on.
	formPickle form = iota
	// formJSON is four bytes of expiry and JSON: cachelib's JSONSerializer.
	formJSON
	// formOld is two pickles, the first of which is the expiry: cachelib 0.1 to 0.6.
	formOld
)

const (
	expirySize = 4
	maxHead    = 64 // a file's form and expiry are in its first bytes
)

// What pickles begin with, and what the expiry in one is written with.
const (
	opProto    = 0x80
	opFrame    = 0x95
	frameSize  = 9
	opLong1    = 0x8a
	lastProto  = 5
	startJSON  = '{'
	whiteSpace = " \t\r\n"
)

// split returns the form and the expiry of a file that begins with b, and where its
// value begins.
func split(b []byte) (f form, expires int64, at int, err error) {
	if len(b) < expirySize {
		return 0, never, 0, errShort
	}
	expires = int64(binary.NativeEndian.Uint32(b))
	value := b[expirySize:]
	switch {
	case isPickle(value):
		return formPickle, expires, expirySize, nil
	case isJSON(value):
		return formJSON, expires, expirySize, nil
	}
	if old, n, ok := oldExpiry(b); ok {
		return formOld, old, n, nil
	}
	return formPickle, expires, expirySize, nil // of protocol 0 or 1, or of none
}

// isJSON reports whether value seems to be a JSON object, or a counter in JSON.
func isJSON(value []byte) bool {
	if len(value) == 0 || value[0] != startJSON {
		return len(value) > 0 && len(bytes.Trim(value, "0123456789")) == 0
	}
	next := bytes.TrimLeft(value[1:], whiteSpace)
	return len(next) == 0 || next[0] == '"' || next[0] == '}'
}

// oldExpiry reads a pickled int that another pickle follows.
func oldExpiry(b []byte) (expires int64, n int, ok bool) {
	rest := b
	if len(rest) > 2 && rest[0] == opProto {
		rest = rest[2:]
		if rest[0] == opFrame && len(rest) > frameSize {
			rest = rest[frameSize:]
		}
	}
	var size int
	switch op := rest[0]; {
	case op == 'K' && len(rest) > 1:
		expires, size = int64(rest[1]), 2
	case op == 'J' && len(rest) > 4:
		expires, size = int64(int32(binary.LittleEndian.Uint32(rest[1:]))), 5
	case op == opLong1 && len(rest) > 1 && rest[1] <= 8 && len(rest) > 1+int(rest[1]):
		var number [8]byte
		copy(number[:], rest[2:2+rest[1]])
		expires, size = int64(binary.LittleEndian.Uint64(number[:])), 2+int(rest[1])
	case op == 'L':
		digits, _, found := bytes.Cut(rest[1:], []byte("L\n"))
		number, err := strconv.ParseInt(string(digits), 10, 64)
		if !found || err != nil {
			return 0, 0, false
		}
		expires, size = number, 1+len(digits)+2
	default:
		return 0, 0, false
	}
	rest = rest[size:]
	if len(rest) < 2 || rest[0] != '.' || rest[1] != opProto || expires < 0 {
		return 0, 0, false
	}
	return expires, len(b) - len(rest) + 1, true
}

// appendHead appends what comes before the value.
func (f form) appendHead(b []byte, expires uint32) []byte {
	switch {
	case f != formOld:
		return binary.NativeEndian.AppendUint32(b, expires)
	case expires == never:
		return append(b, "K\x00."...)
	case expires > math.MaxInt32:
		return fmt.Appendf(b, "L%dL\n.", expires)
	}
	return append(binary.LittleEndian.AppendUint32(append(b, 'J'), expires), '.')
}

// over returns the form of what replaces a file, where Python now writes files of form
// f. The value stays what it is.
func (f form) over(before form) form {
	switch {
	case before == formJSON:
		return formJSON
	case f == formJSON:
		return formPickle
	}
	return f
}

// formOf returns the form of a file, if it can be told.
func formOf(path string) form {
	b, err := readHead(path)
	if err != nil {
		return formPickle
	}
	f, _, _, _ := split(b) //nolint:dogsled // what is too short has no form
	return f
}

// readHead returns the first bytes of a regular file.
func readHead(path string) ([]byte, error) {
	f, _, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b [maxHead]byte
	n, err := io.ReadFull(f, b[:])
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

var (
	errJSON = errors.New("it holds JSON that is no object")
	// What cachelib has no serializer for.
	errMessagePack = errors.New("it seems to hold MessagePack, no pickle and no JSON object")

	errOther = errors.New("it is no pickle and no JSON object: has cachelib another serializer?")
)

// isMap reports whether MessagePack's maps begin with b.
func isMap(b byte) bool { return b&0xf0 == 0x80 || b == 0xde || b == 0xdf }

// decode reads the value; the error is unreadable. No document is made of a pickle that
// is wanted as it is.
func (f *file) decode(asPickled bool) (err error) {
	if f.form == formJSON {
		if f.value[0] != startJSON || !json.Valid(f.value) {
			return unreadable{errJSON}
		}
		f.document = f.value
		return nil
	}
	v, err := pickle.Decode(f.value)
	if err != nil {
		switch {
		case len(f.value) == 0 || f.value[0] == opProto || !errors.Is(err, pickle.ErrMalformed):
		case isMap(f.value[0]):
			err = errMessagePack
		default:
			err = errOther
		}
		return unreadable{err}
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return unreadable{errNoDict}
	}
	if f.dict = d; asPickled {
		return nil
	}
	if f.document, err = document(d); err != nil {
		return unreadable{err}
	}
	return nil
}

// isPickle reports whether data is a pickle of protocol 2 or later, and not a document.
func isPickle(data []byte) bool {
	return len(data) > 1 && data[0] == opProto && data[1] <= lastProto
}

// value returns a document, or a pickled dict, as the value of a file. before is the
// session from before, or nil.
func (f form) value(data []byte, before *pickle.Dict) ([]byte, error) {
	if isPickle(data) {
		return f.valueOfPickle(data)
	}
	if f == formJSON && isJSON(data) {
		if !json.Valid(data) {
			return nil, pickledoc.ErrDocument
		}
		return data, nil
	}
	if before == nil {
		before = &pickle.Dict{}
	}
	d, err := dictOf(data, before)
	if err != nil {
		return nil, err
	}
	if f == formJSON {
		return msgspec.AppendJSON(nil, d)
	}
	return pickle.Append(nil, d)
}

func (f form) valueOfPickle(data []byte) ([]byte, error) {
	v, err := pickle.Decode(data)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*pickle.Dict)
	switch {
	case !ok:
		return nil, errNoDict
	case f == formJSON:
		return msgspec.AppendJSON(nil, d)
	}
	return data, nil
}
