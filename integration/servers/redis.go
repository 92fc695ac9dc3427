package servers

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Redis is a redis-server or a valkey-server.
type Redis struct {
	*Process
	Addr   string // 127.0.0.1:PORT
	Socket string // the path of its Unix socket
	tls    *TLS
}

// RedisOptions say how to start a server. The zero value is a redis-server without
// persistence.
type RedisOptions struct {
	Args    []string // further settings, as in "--maxmemory", "1mb"
	Config  string   // the content of a configuration file, which Sentinel needs
	Program string   // the default is redis-server
	TLS     *TLS     // if set, it speaks TLS only
}

func (o *RedisOptions) program() string {
	if o.Program == "" {
		return "redis-server"
	}
	return o.Program
}

// StartRedis starts a server and waits until it answers.
func StartRedis(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	r := startRedis(t, o)
	r.Ready(t)
	return r
}

// startRedis starts a server, on another port if the first was taken meanwhile.
func startRedis(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	path := Need(t, o.program())
	for try := 0; ; try++ {
		dir, port := TempDir(t), strconv.Itoa(FreePort(t))
		r := &Redis{Addr: "127.0.0.1:" + port, Socket: filepath.Join(dir, "s"), tls: o.TLS}
		args := []string{
			"--bind", "127.0.0.1", "--dir", dir, "--unixsocket", r.Socket, "--save", "",
			"--daemonize", "no", "--repl-diskless-sync-delay", "0",
			"--enable-debug-command", "local",
		}
		if o.TLS != nil {
			args = append(args, "--port", "0", "--tls-port", port,
				"--tls-cert-file", o.TLS.Cert, "--tls-key-file", o.TLS.Key,
				"--tls-ca-cert-file", o.TLS.CA, "--tls-auth-clients", "no")
		} else {
			args = append(args, "--port", port)
		}
		if args = append(args, o.Args...); o.Config != "" {
			file := filepath.Join(dir, "conf")
			if err := os.WriteFile(file, []byte(o.Config), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append([]string{file}, args...)
		}
		r.Process = Start(t, dir, path, args...)
		Until(t, "the server listens", func() error {
			if !r.Running() {
				return nil
			}
			_, err := r.command("PING")
			if err == nil {
				return nil
			}
			text := err.Error()
			if strings.HasPrefix(text, "NOAUTH") || strings.HasPrefix(text, "LOADING") {
				return nil // it listens
			}
			return err
		})
		if r.Running() {
			return r
		}
		if try == 5 {
			t.Fatalf("the server ends at once; its log:\n%s", r.Log())
		}
	}
}

// Ready waits until the server answers.
func (r *Redis) Ready(t testing.TB) {
	t.Helper()
	Until(t, "the server answers", func() error {
		_, err := r.command("PING")
		if err != nil && strings.HasPrefix(err.Error(), "NOAUTH") {
			return nil
		}
		return err
	})
}

// Restart starts a server that was killed, and waits until it answers.
func (r *Redis) Restart(t testing.TB) {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	r.Ready(t)
}

// URL returns the server's URL.
func (r *Redis) URL() string {
	if r.tls != nil {
		return "rediss://" + r.Addr + "/?ca=" + url.QueryEscape(r.tls.CA)
	}
	return "redis://" + r.Addr
}

// Do sends a command and returns the response as text: a line for each element of an
// array.
func (r *Redis) Do(t testing.TB, args ...string) string {
	t.Helper()
	text, err := r.command(args...)
	if err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	return text
}

// Info returns one field of INFO.
func (r *Redis) Info(field string) string {
	text, err := r.command("INFO")
	if err != nil {
		return ""
	}
	_, value, _ := strings.Cut(text, "\n"+field+":")
	value, _, _ = strings.Cut(value, "\r")
	return value
}

// CommandStats returns what INFO says of one command, such as "calls=3,usec=5", or "".
func (r *Redis) CommandStats(t testing.TB, command string) string {
	t.Helper()
	_, value, _ := strings.Cut(r.Do(t, "INFO", "commandstats"), "\ncmdstat_"+command+":")
	value, _, _ = strings.Cut(value, "\r")
	return value
}

// Sentinel is a master, a replica and a Sentinel that watches them.
type Sentinel struct {
	Servers  []*Redis // the master first
	Sentinel *Redis
	Name     string // of the master, as Sentinel knows it
}

// StartSentinel starts the three, and waits until Sentinel knows both servers.
func StartSentinel(t testing.TB, o RedisOptions) *Sentinel {
	t.Helper()
	s := &Sentinel{Name: "the-master"}
	master := StartRedis(t, o)
	host, port, _ := strings.Cut(master.Addr, ":")
	replica := o
	replica.Args = append(append([]string{}, o.Args...), "--replicaof", host+" "+port)
	s.Servers = []*Redis{master, StartRedis(t, replica)}
	follows(t, master, s.Servers[1])
	const config = "sentinel monitor %[1]s %[2]s %[3]s 1\n" +
		"sentinel down-after-milliseconds %[1]s 1000\n" +
		"sentinel failover-timeout %[1]s 5000\n"
	s.Sentinel = startRedis(t, RedisOptions{
		Program: o.Program, Args: []string{"--sentinel"},
		Config: fmt.Sprintf(config, s.Name, host, port),
	})
	Until(t, "Sentinel knows the replica", func() error {
		text, err := s.Sentinel.command("SENTINEL", "REPLICAS", s.Name)
		if err == nil && !strings.Contains(text, "runid") {
			err = fmt.Errorf("it knows %q", text)
		}
		return err
	})
	return s
}

// follows waits until the master's writes reach the replica. A link that is up does not
// suffice: the master sends nothing before the replica's first acknowledgement, up to a
// second later.
func follows(t testing.TB, master, replica *Redis) {
	t.Helper()
	linked := func() error {
		if got := replica.Info("master_link_status"); got != "up" {
			return fmt.Errorf("its link is %q", got)
		}
		return nil
	}
	Until(t, "the replica is linked", linked)
	for i := 0; ; i++ { // in a Cluster, find a key of this master
		_, err := master.command("SET", "probe-"+strconv.Itoa(i), "", "PX", "1")
		if err == nil {
			break
		}
		if !strings.HasPrefix(err.Error(), "MOVED") {
			t.Fatal(err)
		}
	}
	want, err := strconv.Atoi(master.Info("master_repl_offset"))
	if err != nil {
		t.Fatal(err)
	}
	Until(t, "the replica follows", func() error {
		got, err := strconv.Atoi(replica.Info("slave_repl_offset"))
		if err == nil && got < want {
			err = fmt.Errorf("it has %d of %d", got, want)
		}
		if err != nil {
			return err
		}
		return linked()
	})
}

// URL returns the URL of Sentinel.
func (s *Sentinel) URL() string {
	return "redis://" + s.Sentinel.Addr + "/?sentinel_master=" + s.Name
}
