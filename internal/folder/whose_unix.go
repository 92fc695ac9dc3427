//go:build unix

package folder

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const checks = true

// whose says why others may change what info is of, or nothing. sticky says whether the
// sticky bit is enough.
func whose(info fs.FileInfo, sticky bool) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	self := os.Geteuid()
	writable := info.Mode().Perm() & othersMayWrite
	if sticky && info.Mode()&fs.ModeSticky != 0 {
		writable = 0
	}
	if stat.Gid == 0 {
		writable &^= 0o020
	}
	switch {
	case stat.Uid != 0 && int64(stat.Uid) != int64(self):
		return fmt.Sprintf("it belongs to user %d, and this process runs as %d", stat.Uid, self)
	case writable&0o002 != 0:
		return fmt.Sprintf("everyone may write it (%v): chmod o-w, or g-w too", info.Mode())
	case writable != 0:
		return fmt.Sprintf("group %d may write it (%v): chmod g-w", stat.Gid, info.Mode())
	}
	return ""
}
