//go:build unix

package measure

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used of the processors so far. Unlike the time of
// day it does not count what other processes took meanwhile.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return time.Since(started)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
