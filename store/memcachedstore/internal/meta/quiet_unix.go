//go:build unix

package meta

import (
	"errors"
	"net"
	"syscall"
)

// quiet reports whether nothing happened on an idle connection: neither was it closed,
// nor did the server say something unasked. It costs one system call, and so a server
// that was restarted fails no write.
func quiet(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return true // TLS: it shows when it is used
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var b [1]byte
	n, readErr := 0, error(nil)
	err = raw.Read(func(fd uintptr) bool {
		n, readErr = syscall.Read(int(fd), b[:])
		return true
	})
	return err == nil && n <= 0 && (errors.Is(readErr, syscall.EAGAIN) || errors.Is(readErr, syscall.EWOULDBLOCK))
}
