//go:build !linux

package rawfile

const recycles = false

func reuse(_ string, _, _ int64) (File, bool) { return File{}, false }

func exchange(_, _ string) bool { return false }

func (f File) sole() bool { return false }
