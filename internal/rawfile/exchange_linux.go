package rawfile

import (
	"runtime"
	"syscall"
	"unsafe"
)

// renameat2 is newer than the syscall package, so its number is here.
var renameat2 = map[string]uintptr{
	"386": 353, "amd64": 316, "arm": 382, "arm64": 276, "loong64": 276, "mips": 4351, "mipsle": 4351, "mips64": 5311,
	"mips64le": 5311, "ppc64": 357, "ppc64le": 357, "riscv64": 276, "s390x": 347,
}[runtime.GOARCH]

const (
	workingFolder  = ^uintptr(99) // AT_FDCWD, which is -100
	renameExchange = 2
)

func exchange(from, to string) bool {
	if renameat2 == 0 {
		return false
	}
	a, err := syscall.BytePtrFromString(from)
	if err != nil {
		return false
	}
	b, err := syscall.BytePtrFromString(to)
	if err != nil {
		return false
	}
	_, _, errno := syscall.Syscall6(renameat2, workingFolder, uintptr(unsafe.Pointer(a)),
		workingFolder, uintptr(unsafe.Pointer(b)), renameExchange, 0)
	return errno == 0
}
