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
	recycles       = true
	workingFolder  = ^uintptr(99) // AT_FDCWD, which is -100
	renameExchange = 2
)

func reuse(path string, size, most int64) (File, bool) {
	f, err := open(path, forWriting|syscall.O_NOFOLLOW)
	if err != nil {
		return f, false
	}
	var stat syscall.Stat_t
	if !f.look(&stat) || stat.Size > most || !f.lease() || stat.Size > size && !f.truncate(size) {
		_ = f.Close()
		return File{}, false
	}
	return f, true
}

// lease has the file as the only one who has it open. Until it is closed, others who
// open it wait. See F_SETLEASE in fcntl(2).
func (f File) lease() bool {
	// Who waits makes the system send a signal, which is SIGIO and deadly unless
	// another is named. This one is ignored.
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETSIG, uintptr(syscall.SIGURG))
	if errno == 0 {
		_, _, errno = syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETLEASE, syscall.F_WRLCK)
	}
	return errno == 0
}

func (f File) truncate(size int64) bool {
	_, err := again(func() (int, error) { return 0, syscall.Ftruncate(f.fd, size) })
	return err == nil
}

func (f File) sole() bool {
	var stat syscall.Stat_t
	return f.look(&stat)
}

// look reports whether it is a private regular file of one name.
func (f File) look(stat *syscall.Stat_t) bool {
	_, err := again(func() (int, error) { return 0, syscall.Fstat(f.fd, stat) })
	return err == nil && stat.Mode == syscall.S_IFREG|0o600 && stat.Nlink == 1
}

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
