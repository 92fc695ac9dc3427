//go:build !windows

package folder

func isHeld(error) bool { return false }
