//go:build !linux

package servers

import (
	"os"
	"syscall"
)

// Pausing is for Linux; elsewhere a test that pauses fails.
const (
	stopSignal     = syscall.SIGTERM
	continueSignal = syscall.SIGTERM
)

func attributes(*account) *syscall.SysProcAttr { return nil }

func kill(p *os.Process) { _ = p.Kill() }
