//go:build unix

package growth

import (
	"io/fs"
	"syscall"
)

// onDisk returns how many bytes a file takes there, in whole blocks.
func onDisk(info fs.FileInfo) int64 {
	if on, ok := info.Sys().(*syscall.Stat_t); ok {
		return on.Blocks * 512
	}
	return info.Size()
}
