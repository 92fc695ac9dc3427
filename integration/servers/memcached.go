package servers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Memcached is a memcached server.
type Memcached struct {
	*Process
	Addr   string // 127.0.0.1:PORT, or empty where it listens on a socket
	Socket string // the path of its Unix socket, or empty
}

// StartMemcached starts a server with more flags, and waits until it answers. The flag
// "-s" alone makes it listen on a Unix socket in a folder of its own.
func StartMemcached(t testing.TB, flags ...string) *Memcached {
	t.Helper()
	path := Need(t, "memcached")
	for try := 0; ; try++ {
		m := &Memcached{}
		var args []string
		if os.Getuid() == 0 {
			args = append(args, "-u", "root") // without this it refuses to start
		}
		dir := TempDir(t)
		if len(flags) > 0 && flags[0] == "-s" {
			m.Socket = filepath.Join(dir, "s")
			args = append(args, "-s", m.Socket)
			args = append(args, flags[1:]...)
		} else {
			port := strconv.Itoa(FreePort(t))
			m.Addr = "127.0.0.1:" + port
			args = append(args, "-l", "127.0.0.1", "-p", port, "-U", "0")
			args = append(args, flags...)
		}
		m.Process = Start(t, dir, path, args...)
		Until(t, "the server listens", func() error {
			if !m.Running() {
				return nil
			}
			_, err := m.command("mn")
			return err
		})
		if m.Running() {
			return m
		}
		if try == 5 {
			t.Fatalf("the server ends at once; its log:\n%s", m.Log())
		}
	}
}

// URL returns the URL of one store on the servers.
func (m *Memcached) URL(others ...*Memcached) string {
	if m.Socket != "" {
		return "memcached://" + m.Socket
	}
	hosts := []string{m.Addr}
	for _, o := range others {
		hosts = append(hosts, o.Addr)
	}
	return "memcached://" + strings.Join(hosts, ",")
}

// Restart starts a killed server, which is empty, and waits until it answers.
func (m *Memcached) Restart(t testing.TB) {
	t.Helper()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	Until(t, "the server answers", func() error {
		_, err := m.command("mn")
		return err
	})
}

// Do sends a command of one line, or a line and a value, and returns the first line of
// the response.
func (m *Memcached) Do(t testing.TB, command string) string {
	t.Helper()
	line, err := m.command(command)
	if err != nil {
		t.Fatalf("%.40s: %v", command, err)
	}
	return line
}

func (m *Memcached) command(text string) (string, error) {
	network, address := "tcp", m.Addr
	if m.Socket != "" {
		network, address = "unix", m.Socket
	}
	c, err := (&net.Dialer{Timeout: Patience}).Dial(network, address)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // what counts was read
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", text); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}
