package meta

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Reply is what a server answered to one command.
type Reply struct {
	Code Code
	CAS  uint64 // the item's token, where HasCAS
	TTL  int64  // seconds until the item expires, -1 for never, where HasTTL
	Key  string // the item's key, where the command asked for it

	HasCAS bool
	HasTTL bool

	Data []byte // the value, for VA
}

// Code is the first word of a reply.
type Code string

// The codes that a server answers to the commands of this package.
const (
	Stored    Code = "HD" // done; also Deleted, Touched
	Value     Code = "VA" // found, with its value
	Miss      Code = "EN" // no such item, to mg
	NotFound  Code = "NF" // no such item, to ms and md
	NotStored Code = "NS" // the item exists, to ms in add mode
	Changed   Code = "EX" // the item's token is another
	Alive     Code = "MN" // to mn
)

// Refusal is an error that the server answered. The connection is closed after it,
// since not every server is at the start of a command then.
type Refusal struct {
	Text string // the whole line, of printable ASCII
}

func (r *Refusal) Error() string { return "server says " + strconv.Quote(r.Text) }

// TooLarge reports whether the server refused an item for its size.
func (r *Refusal) TooLarge() bool {
	return strings.HasPrefix(r.Text, "SERVER_ERROR object too large")
}

// OutOfMemory reports whether the server refused an item for want of room.
func (r *Refusal) OutOfMemory() bool { return strings.HasPrefix(r.Text, "SERVER_ERROR out of memory") }

// Definite reports whether the answer says that nothing was done. What begins with
// SERVER_ERROR otherwise may come from a proxy that has given up waiting.
func (r *Refusal) Definite() bool {
	switch word, rest, _ := strings.Cut(r.Text, " "); word {
	case "ERROR", "CLIENT_ERROR":
		return true
	case "SERVER_ERROR":
		rest = strings.ToLower(rest)
		return r.OutOfMemory() || strings.Contains(rest, "read only") || strings.Contains(rest, "read-only") || strings.Contains(rest, "readonly")
	}
	return false
}

// maxLine is the longest reply line, in bytes, without its value. The longest that a
// server of memcached sends is a key of 250 bytes with a few numbers.
const maxLine = 2048

var (
	errLine  = errors.New("protocol error: a reply line is too long")
	errReply = errors.New("protocol error: not a reply of the meta protocol")
	errEnd   = errors.New("protocol error: a value does not end where it should")
)

// readLine returns the next line without its end. It is valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > maxLine {
		return nil, errLine
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// readReply reads one reply. A value may have at most maxValue bytes.
func readReply(r *bufio.Reader, maxValue int) (Reply, error) {
	line, err := readLine(r)
	if err != nil {
		return Reply{}, err
	}
	reply, size, err := parseLine(line)
	if err != nil || reply.Code != Value {
		return reply, err
	}
	if size > maxValue {
		return Reply{}, fmt.Errorf("protocol error: the reply announces a value of %d bytes, and the server's limit is %d", size, maxValue)
	}
	reply.Data, err = readValue(r, size)
	return reply, err
}

// readValue reads a value of that size and the line's end after it. Memory is allocated
// as the bytes arrive, whatever size was announced.
func readValue(r *bufio.Reader, size int) ([]byte, error) {
	const step = 64 << 10
	data := make([]byte, min(size, step))
	for done := 0; ; {
		if _, err := io.ReadFull(r, data[done:]); err != nil {
			return nil, truncated(err)
		}
		if done = len(data); done == size {
			break
		}
		data = append(make([]byte, 0, min(size, 2*done)), data...)
		data = data[:cap(data)]
		if len(data) > size {
			data = data[:size]
		}
	}
	var end [2]byte
	if _, err := io.ReadFull(r, end[:]); err != nil {
		return nil, truncated(err)
	}
	if end != [2]byte{'\r', '\n'} {
		return nil, errEnd
	}
	return data, nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseLine parses a reply line: a code, for VA the value's size, and flags of one
// letter each with an argument right behind. Flags that it does not know are left out.
func parseLine(line []byte) (reply Reply, size int, err error) {
	word, rest := cut(line)
	switch code := Code(word); code {
	case Stored, Miss, NotFound, NotStored, Changed, Alive:
		reply.Code = code
	case Value:
		reply.Code = code
		if word, rest = cut(rest); len(word) == 0 {
			return Reply{}, 0, errReply
		}
		n, err := strconv.ParseUint(string(word), 10, 31)
		if err != nil {
			return Reply{}, 0, errReply
		}
		size = int(n)
	case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
		return Reply{}, 0, &Refusal{Text: printable(line)}
	default:
		return Reply{}, 0, errReply
	}
	for len(rest) > 0 {
		if word, rest = cut(rest); len(word) == 0 {
			continue
		}
		arg := string(word[1:])
		switch word[0] {
		case 'c':
			reply.CAS, err = strconv.ParseUint(arg, 10, 64)
			reply.HasCAS = true
		case 't':
			reply.TTL, err = strconv.ParseInt(arg, 10, 64)
			reply.HasTTL = true
		case 'k':
			reply.Key = arg
		}
		if err != nil {
			return Reply{}, 0, errReply
		}
	}
	return reply, size, nil
}

// cut splits off the first word.
func cut(line []byte) (word, rest []byte) {
	word, rest, _ = bytes.Cut(line, []byte(" "))
	return word, rest
}

func printable(line []byte) string {
	if len(line) > 200 {
		line = line[:200]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, string(line))
}
