package folder_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/folder"
)

func TestName(t *testing.T) {
	hex := strings.Repeat("a", 64)
	seen := map[string]string{}
	for _, id := range []string{
		"", "a", "A", "a ", "../a", "con", strings.Repeat("a", 255),
		strings.ToUpper(hex), hex, hex[1:], "x" + hex,
	} {
		name := folder.Name(id)
		if before, ok := seen[strings.ToLower(name)]; ok {
			t.Errorf("%q and %q have one name", id, before)
		}
		seen[strings.ToLower(name)] = id
		if !folder.IsName(name) || strings.ContainsAny(name, `/\.`) || (name == id) != (id == hex) {
			t.Errorf("%q is named %q", id, name)
		}
		if folder.IsName(name[:63]) || folder.IsName(strings.ToUpper(name)) {
			t.Errorf("a part of %q is a name", name)
		}
	}
}
