package servers

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
)

// Splitter finds the messages of a protocol.
type Splitter interface {
	// Request reads one request, and reports whether it is answered.
	Request(r *bufio.Reader) (frame []byte, answered bool, err error)

	// Answer reads one message of the answer, and reports whether more of them follow.
	Answer(r *bufio.Reader) (frame []byte, more bool, err error)

	// Idle reports whether a request neither reads nor writes data, such as a greeting
	// or a heartbeat.
	Idle(frame []byte) bool
}

// request is one that a client sent.
type request struct {
	frame    []byte
	answered bool
}

// serveOneByOne passes requests on, each when its turn has come. It reads on while one
// waits, to learn whether the client has gone: a request that no client waits for must
// not hold up the others, or a busy server never catches up.
func (p *Proxy) serveOneByOne(client, server net.Conn) {
	requests, gone, done := make(chan request), make(chan struct{}), make(chan struct{})
	defer close(done)
	p.wg.Go(func() {
		defer p.left.Add(1)
		defer close(gone)
		r := bufio.NewReader(client)
		for {
			frame, answered, err := p.serialize.Request(r)
			if err != nil {
				return
			}
			select {
			case requests <- request{frame, answered}:
			case <-done:
				return
			}
		}
	})
	answers := bufio.NewReader(server)
	for {
		select {
		case next := <-requests:
			if p.inTurn(client, server, answers, next, gone) != nil {
				return
			}
		case <-gone:
			return
		}
	}
}

// inTurn waits for a request's turn, if it needs one, and passes it and its answer on.
func (p *Proxy) inTurn(
	client, server net.Conn, answers *bufio.Reader, next request, gone <-chan struct{},
) error {
	if !p.serialize.Idle(next.frame) {
		p.one.Lock()
		defer p.one.Unlock()
	}
	select {
	case <-gone:
		return errors.New("the client has gone")
	default:
		return p.exchange(client, server, answers, next)
	}
}

// exchange passes a request and its answer on. It waits for the end of the answer even if
// the client was cut off: until then the server works on the request, and no other may
// reach it.
func (p *Proxy) exchange(client, server net.Conn, answers *bufio.Reader, next request) error {
	lost := p.pass(server, next.frame, false)
	if lost != nil {
		return lost
	}
	for more := next.answered; more; {
		frame, follows, err := p.serialize.Answer(answers)
		if err != nil {
			return err
		}
		if lost == nil {
			lost = p.pass(client, frame, true)
		}
		more = follows
	}
	return lost
}

// MongoDB splits MongoDB's wire protocol.
type MongoDB struct{}

// A message begins with its length. OP_MSG has flags behind the header of 16 bytes.
const (
	mongoHeader     = 16
	mongoQuery      = 2004
	mongoMessage    = 2013
	mongoMoreToCome = 1 << 1
	mongoLongest    = 64 << 20
)

// Request implements [Splitter].
func (MongoDB) Request(r *bufio.Reader) (frame []byte, answered bool, err error) {
	frame, more, err := MongoDB{}.Answer(r)
	return frame, !more, err
}

// Answer implements [Splitter].
func (MongoDB) Answer(r *bufio.Reader) (frame []byte, more bool, err error) {
	head, err := r.Peek(mongoHeader)
	if err != nil {
		return nil, false, err
	}
	n := int(little(head))
	if n < mongoHeader || n > mongoLongest {
		return nil, false, errors.New("not MongoDB's protocol")
	}
	code := little(head[12:])
	frame = make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, false, err
	}
	if code == mongoMessage && n >= mongoHeader+4 {
		more = little(frame[mongoHeader:])&mongoMoreToCome != 0
	}
	return frame, more, nil
}

// Idle implements [Splitter]: the commands by which a driver checks that a server is
// there.
func (MongoDB) Idle(frame []byte) bool {
	switch string(mongoCommand(frame)) {
	case "hello", "isMaster", "ismaster", "ping":
		return true
	}
	return false
}

// mongoCommand returns the name of a command, that of the first element of its document,
// or nil.
func mongoCommand(frame []byte) []byte {
	if len(frame) < mongoHeader+5 {
		return nil
	}
	body := frame[mongoHeader+4:] // behind the flags
	switch code := little(frame[12:]); {
	case code == mongoMessage && body[0] == 0: // a section that is one document
		body = body[1:]
	case code == mongoQuery: // the name of a collection, and two numbers
		_, rest, found := bytes.Cut(body, []byte{0})
		if !found || len(rest) < 8 {
			return nil
		}
		body = rest[8:]
	default:
		return nil
	}
	if len(body) < 5 { // the document's length, and the type of the first element
		return nil
	}
	name, _, _ := bytes.Cut(body[5:], []byte{0})
	return name
}

func little(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
