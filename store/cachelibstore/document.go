package cachelibstore

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
)

var errNoDict = errors.New("it holds no dict")

// document returns a session's dict as a MessagePack map, see package pickledoc.
func document(d *pickle.Dict) ([]byte, error) { return pickledoc.Document(d) }

// dictOf returns the dict that a document stands for. What is as it was before is taken
// from there, with the types that Python gave it.
func dictOf(data []byte, before *pickle.Dict) (*pickle.Dict, error) {
	return pickledoc.Dict(data, before)
}
