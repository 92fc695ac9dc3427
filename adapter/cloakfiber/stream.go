package cloakfiber

import (
	"bufio"
	"sync"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
)

// SendStreamWriter is c.SendStreamWriter for a stream that uses the session, such as
// server-sent events. Fiber runs a stream beside the handlers and after them; write
// runs once they have returned and the session is committed, and not at all if that
// failed. What write changes is committed by [cloakroom.Session.Save], or when write
// returns; a change that needs a new cookie is [cloakroom.ErrHeaderSent].
//
// write must not use c, nor strings that Fiber has lent: clone them before.
func SendStreamWriter(c fiber.Ctx, write func(w *bufio.Writer, s *cloakroom.Session)) error {
	s := Get(c)
	x := fiber.Locals[*exchange](c, key{})
	if x == nil || !x.hold() { // the use of s fails, and says why
		return c.SendStreamWriter(func(w *bufio.Writer) { write(w, s) })
	}
	return c.SendStreamWriter(func(w *bufio.Writer) {
		<-x.left
		defer x.release()
		if x.wasSent() {
			write(w, s)
		}
	})
}

// Hold keeps the session usable after the handlers have returned, for a WebSocket,
// until release is called. What is changed by then is committed by
// [cloakroom.Session.Save], or by release; a change that needs a new cookie is
// [cloakroom.ErrHeaderSent] once the handlers have returned. If the response is not
// sent, the session is finished whether it is held or not.
func Hold(c fiber.Ctx) (s *cloakroom.Session, release func()) {
	s = Get(c)
	x := fiber.Locals[*exchange](c, key{})
	if x == nil || !x.hold() {
		return s, func() {}
	}
	return s, sync.OnceFunc(x.release)
}

// hold keeps the session from being finished with the handlers. It reports false where
// that is too late.
func (x *exchange) hold() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.finished && x.holds == 0 {
		return false
	}
	x.holds++
	if x.left == nil {
		x.left = make(chan struct{})
	}
	return true
}

func (x *exchange) wasSent() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sent
}

// release commits what was changed while the session was held, and finishes it once
// nothing holds it any more.
func (x *exchange) release() {
	x.mu.Lock()
	x.holds--
	last := x.holds == 0 && x.finished && x.sent
	x.mu.Unlock()
	if !last {
		return
	}
	x.session.CommitLate(x.route()...)
	x.session.Close()
}
