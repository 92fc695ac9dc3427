//go:build !unix

package growth

import "io/fs"

func onDisk(info fs.FileInfo) int64 { return info.Size() }
