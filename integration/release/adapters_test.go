//go:build unix

package release

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// address is where the programs of the READMEs listen.
const address = "127.0.0.1:8080"

// programOf returns the first program of a README.
func programOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```go\npackage main\n")
	program, _, end := strings.Cut(rest, "```\n")
	if !found || !end || !strings.Contains(program, address) {
		t.Fatalf("%s has no program that listens on %s", path, address)
	}
	return "package main\n" + program
}

// serves builds a program, and runs it until it listens.
func (u *user) serves(t *testing.T, program string) {
	t.Helper()
	free := fmt.Sprintf("127.0.0.1:%d", servers.FreePort(t))
	write(t, filepath.Join(u.dir, "main.go"), strings.ReplaceAll(program, address, free))
	u.do(t, "go", "mod", "tidy") // what the program imports besides
	u.do(t, "go", "build", "-o", "site", ".")
	p := servers.Start(t, "", filepath.Join(u.dir, "site"))
	defer p.Kill()
	servers.Until(t, "the program listens", func() error {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", free)
		if err != nil {
			return err
		}
		return c.Close()
	})
}
