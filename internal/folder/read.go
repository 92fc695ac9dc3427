package folder

import (
	"errors"
	"io"
)

// ReadStart reads the beginning of a file into b.
func ReadStart(path string, b []byte) (int, error) {
	f, err := Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.Read(b)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
