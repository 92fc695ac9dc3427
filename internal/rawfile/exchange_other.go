//go:build !linux

package rawfile

func exchange(_, _ string) bool { return false }
