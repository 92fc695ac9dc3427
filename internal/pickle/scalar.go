package pickle

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scalar executes an instruction that makes a number or a bool.
func (m *machine) scalar(op byte) error {
	var n uint64
	var err error
	switch op {
	case opInt, opLong, opFloat:
		return m.numberInText(op)
	case opLong1, opLong4:
		return m.long(op)
	case opBinInt1:
		n, err = m.number(1)
	case opBinInt2:
		n, err = m.number(2)
	default:
		n, err = m.number(4)
		n = uint64(int64(int32(uint32(n))))
	}
	if err != nil {
		return err
	}
	return m.push(int64(n))
}

func (m *machine) numberInText(op byte) error {
	line, err := m.line()
	if err != nil {
		return err
	}
	if len(line) > MaxDigits+2 { // a sign, and the L of a long
		return fmt.Errorf("%w: a number of %d digits", ErrTooLarge, len(line))
	}
	text := string(line)
	switch {
	case op == opInt && (text == "00" || text == "01"):
		return m.push(text == "01")
	case op == opFloat:
		f, err := parseFloat(text)
		if err != nil {
			return m.malformed("no float")
		}
		return m.push(f)
	case op == opLong:
		text = strings.TrimSuffix(text, "L")
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || strings.ContainsRune(text, '_') {
		return m.malformed("no int")
	}
	return m.pushBig(n)
}

// parseFloat reads a float as Python's repr writes it.
func parseFloat(text string) (float64, error) {
	isDecimal := strings.Trim(text, "0123456789+-.eE") == ""
	if word := strings.Trim(text, "+-"); !isDecimal && word != "inf" && word != "nan" {
		return 0, strconv.ErrSyntax
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case f != f:
		f = math.Float64frombits(0x7ff8 << 48) // Python's NaN
	case math.IsInf(f, 0):
		err = nil // too large, for Python too
	}
	return f, err
}

func (m *machine) long(op byte) error {
	width := 1
	if op == opLong4 {
		width = 4
	}
	b, err := m.sized(width)
	if err != nil {
		return err
	}
	if len(b) > MaxDigits*5/12 { // a digit is less than 10/3 bits
		return fmt.Errorf("%w: an int of %d bytes", ErrTooLarge, len(b))
	}
	if len(b) == 0 {
		return m.push(int64(0))
	}
	bigEndian := slices.Clone(b)
	slices.Reverse(bigEndian)
	n := new(big.Int).SetBytes(bigEndian)
	if b[len(b)-1]&0x80 != 0 { // two's complement
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return m.pushBig(n)
}

var tooManyDigits = new(big.Int).Exp(big.NewInt(10), big.NewInt(MaxDigits), nil)

func (m *machine) pushBig(n *big.Int) error {
	if n.CmpAbs(tooManyDigits) >= 0 {
		return fmt.Errorf("%w: an int of more than %d digits", ErrTooLarge, MaxDigits)
	}
	return m.push(Int(n))
}

// text executes an instruction that makes a str, bytes or a bytearray.
func (m *machine) text(op byte) error {
	var b []byte
	var err error
	switch op {
	case opString, opUnicode:
		b, err = m.line()
	case opShortBinString, opShortBinUnicode, opShortBinBytes:
		b, err = m.sized(1)
	case opBinString, opBinUnicode, opBinBytes:
		b, err = m.sized(4)
	default:
		b, err = m.sized(8)
	}
	if err != nil {
		return err
	}
	switch op {
	case opShortBinBytes, opBinBytes, opBinBytes8:
		return m.push(Bytes(b))
	case opByteArray8:
		if len(b) == 0 {
			b = make([]byte, 0, smallBytes) // not shared
		}
		return m.push(ByteArray(b))
	case opString:
		if b, err = m.unquote(b); err != nil {
			return err
		}
		return m.ascii(b)
	case opBinString, opShortBinString:
		return m.ascii(b)
	case opUnicode:
		return m.unescape(b)
	}
	s := string(b)
	if !ValidText(s) {
		return m.malformed("a str that is not UTF-8")
	}
	return m.push(s)
}

// ascii pushes a str of Python 2. Like Python 3 by default, it accepts ASCII only.
func (m *machine) ascii(b []byte) error {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return m.malformed("a str of Python 2 that is not ASCII")
		}
	}
	return m.push(string(b))
}

// unquote reads a str with quotes and escapes, as Python 2 wrote it.
func (m *machine) unquote(line []byte) ([]byte, error) {
	n := len(line)
	if n < 2 || line[0] != line[n-1] || line[0] != '\'' && line[0] != '"' {
		return nil, m.malformed("a str without quotes")
	}
	line = line[1 : n-1]
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' {
			out = append(out, line[i])
			continue
		}
		i++
		if i == len(line) {
			return nil, m.malformed("a str that ends within an escape")
		}
		if at := strings.IndexByte(`\'"abfnrtv`, line[i]); at >= 0 {
			out = append(out, "\\'\"\a\b\f\n\r\t\v"[at])
			continue
		}
		digits, base, begin := 3, 8, i
		if line[i] == 'x' {
			digits, base, begin = 2, 16, i+1
		}
		end := min(begin+digits, len(line))
		for base == 8 && end > begin && strings.Trim(string(line[begin:end]), "01234567") != "" {
			end--
		}
		c, err := strconv.ParseUint(string(line[begin:end]), base, 8)
		if err != nil || base == 16 && end-begin != 2 {
			return nil, m.malformed("an unknown escape in a str")
		}
		out = append(out, byte(c))
		i = end - 1
	}
	return out, nil
}

// unescape pushes a str in the encoding "raw-unicode-escape": Latin-1, \uXXXX and
// \UXXXXXXXX.
func (m *machine) unescape(line []byte) error {
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c != '\\' || i+1 == len(line) {
			out = appendText(out, rune(c))
			continue
		}
		i++
		digits := 4
		switch line[i] {
		case 'U':
			digits = 8
		case 'u':
		default:
			out = appendText(appendText(out, rune(c)), rune(line[i]))
			continue
		}
		end := min(i+1+digits, len(line))
		r, err := strconv.ParseUint(string(line[i+1:end]), 16, 32)
		if err != nil || end-i-1 != digits || r > utf8.MaxRune {
			return m.malformed("an unknown escape in a str")
		}
		out = appendText(out, rune(r))
		i = end - 1
	}
	return m.push(string(out))
}

const (
	surrogateMin = 0xd800
	surrogateMax = 0xdfff
)

// appendText is utf8.AppendRune, but keeps surrogates.
func appendText(out []byte, r rune) []byte {
	if r >= surrogateMin && r <= surrogateMax {
		return append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(out, r)
}

// ValidText reports whether s can be a str: UTF-8, with surrogates in three bytes each.
func ValidText(s string) bool {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			if n = surrogate(s[i:]); n == 0 {
				return false
			}
		}
		i += n
	}
	return true
}

// surrogate returns the length of the surrogate that s begins with, or 0.
func surrogate(s string) int {
	if len(s) >= 3 && s[0] == 0xed && s[1]&0xe0 == 0xa0 && s[2]&0xc0 == 0x80 {
		return 3
	}
	return 0
}
