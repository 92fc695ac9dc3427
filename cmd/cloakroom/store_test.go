package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// Commands that read make nothing, and report a store that does not exist.
func TestReadingMakesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"file://" + dir, "cachelib://" + dir, "sqlite://" + file} {
		for _, args := range [][]string{
			{"list", url}, {"list", url, "--owner", "ada"}, {"sweep", url}, {"revoke", url, "--owner", "ada"}, {"copy", url, "file://" + dir + "/to"},
		} {
			code, out, errs := runIn(t, false, args...)
			if code != exitFailure || out != "" || !strings.Contains(errs, "no session store here") || strings.Count(errs, "\n") != 1 {
				t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
			}
		}
	}
	left, err := os.ReadDir(dir)
	info, statErr := os.Stat(file)
	if err != nil || statErr != nil || len(left) != 1 || info.Size() != 0 {
		t.Errorf("left %v of %d bytes, %v, %v", left, info.Size(), err, statErr)
	}
}

func TestMakingNothing(t *testing.T) {
	for url, want := range map[string]string{
		"file:x": "file:x?create=never", "sqlite:x?journal=wal": "sqlite:x?journal=wal&create=never",
		"postgres://h/d?create=auto&table=x": "postgres://h/d?table=x&create=never", "redis://h": "redis://h", "memory:": "memory:",
		"mongodb://a:1,b:2/d": "mongodb://a:1,b:2/d?create=never", "dynamodb:": "dynamodb:?create=never", "redis://h:x": "redis://h:x",
	} {
		if got := makingNothing(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

// The store's URL comes from the arguments, a file or the environment.
func TestWhereTheURLComesFrom(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if _, err := filestore.New(dir, filestore.Options{}); err != nil {
		t.Fatal(err)
	}
	url := "file://" + dir
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + path
	}
	good := file("url", url+"\n")
	to := "file://" + filepath.Join(t.TempDir(), "to")
	for _, test := range []struct {
		env  string
		args []string
		code int
		says string
	}{
		{"", []string{"list", good}, 0, ""},
		{url, []string{"list"}, 0, ""},
		{good, []string{"sweep"}, 0, ""},
		{url, []string{"sweep", "-"}, 0, ""},
		{"redis://127.0.0.1:1", []string{"sweep", url}, 0, ""},
		{url, []string{"revoke", "--owner", "ada"}, 0, ""},
		{url, []string{"copy", "-", to}, 0, ""},
		{"", []string{"copy", good, file("to", to)}, 0, ""},
		{url, []string{"copy", to}, exitUsage, "two store URLs are wanted"},
		{"", []string{"list"}, exitUsage, "CLOAKROOM_STORE"},
		{"", []string{"list", "-"}, exitUsage, "CLOAKROOM_STORE, which is not set"},
		{"-", []string{"list"}, exitUsage, "CLOAKROOM_STORE, which is not set"},
		{"", []string{"list", "@/nonexistent"}, exitFailure, "/nonexistent"},
		{"", []string{"list", file("empty", " \n")}, exitFailure, "empty is empty"},
		{"", []string{"list", file("two", "redis://:hunter2@h\nx")}, exitFailure, "and nothing else"},
		{"", []string{"demo", "--store", file("two", "redis://:hunter2@h\nx")}, exitFailure, "and nothing else"},
	} {
		t.Setenv(storeEnv, test.env)
		code, out, errs := runIn(t, false, test.args...)
		if code != test.code || !strings.Contains(errs, test.says) || strings.Contains(out+errs, "hunter2") {
			t.Errorf("%q with %q: exit %d, %q, %q", test.args, test.env, code, out, errs)
		}
	}
	t.Setenv(storeEnv, url)
	if c, err := demoFlags(nil); err != nil || c.store != url {
		t.Errorf("demo: %q, %v", c.store, err)
	}
	if c, err := demoFlags([]string{"--store", "memory:"}); err != nil || c.store != "memory:" {
		t.Errorf("demo: %q, %v", c.store, err)
	}
	t.Setenv(storeEnv, "cachelib:///x")
	c, err := demoFlags([]string{"--flask"})
	if err == nil {
		_, err = c.options()
	}
	if err != nil || !strings.HasPrefix(c.store, "cachelib:///x?") {
		t.Errorf("demo --flask: %q, %v", c.store, err)
	}
}

// No part of a password is printed, wherever it stands in the URL. The openers are the
// real ones, with no server listening.
func TestNoPasswordIsPrinted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String() // closed: nothing listens there
	_ = l.Close()
	const escaped, plain = "Zq7kW!xv%2FVb9m", "Zq7kW!xv/Vb9m"
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", plain)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var urls []string
	for _, form := range []string{
		"redis://u:%[1]s@%[2]s/0", "redis://:%[1]s@%[2]s", "rediss://u:%[1]s@%[2]s/0", "redis://%[2]s/0?sentinel_master=m&sentinel_password=%[1]s",
		"redis://u:%[1]s@%[2]s/0?db=1", "redis://:%[1]s/0", "redis://u:%[1]s", "redis://u:%[1]s@%[2]s:2/0", "redis://u:%[1]s@%[2]s/x",
		"redis://u:%[1]s@%[2]s?cluster=true",
		"postgres://u:%[1]s@%[2]s/db", "postgres://u:%[1]s@%[2]s/db?sslmode=nope", "postgres://u@%[2]s/db?password=%[1]s", "postgres://u:%[1]s@%[2]s/db?connect_timeout=x",
		"postgresql://u:%[1]s@/db?host=/nonexistent", "postgres://u:%[1]s", "postgres:u:%[1]s@%[2]s/db",
		"mysql://u:%[1]s@%[2]s/db", "mysql://u:%[1]s@%[2]s/db?tls=nope", "mysql://u:%[1]s@%[2]s/", "mariadb://u:%[1]s@%[2]s/db?timeout=x", "mysql://u:%[1]s@/db?socket=/nonexistent",
		"mongodb://u:%[1]s@%[2]s/db", "mongodb://u:%[1]s@%[2]s/db?authMechanism=NOPE", "mongodb://u:%[1]s@%[2]s,%[2]s/db?replicaSet=",
		"mongodb://u:%[1]s@%[2]s/db?tlsCertificateKeyFilePassword=%[1]s&tlsCertificateKeyFile=/nope", "mongodb+srv://u:%[1]s@%[2]s/db",
		"dynamodb://Sessions?region=x&endpoint=http://u:%[1]s@%[2]s", "dynamodb://u:%[1]s@Sessions?region=x", "dynamodb://Sessions?region=x&endpoint=http://%[2]s",
		"memcached://u:%[1]s@%[2]s", "memcached://%[2]s?password=%[1]s", "memory://u:%[1]s@x", "memory:?token=%[1]s",
		"file://u:%[1]s@host/x", "file:/x?secret=%[1]s", "cachelib://u:%[1]s@host/x", "sqlite://u:%[1]s@host/x", "sqlite:x?password=%[1]s",
		"nope://u:%[1]s@%[2]s/", "u:%[1]s@%[2]s",
	} {
		urls = append(urls, fmt.Sprintf(form, escaped, at), fmt.Sprintf(form, plain, at))
	}
	there := "file://" + t.TempDir()
	if _, err := filestore.New(strings.TrimPrefix(there, "file://"), filestore.Options{}); err != nil {
		t.Fatal(err)
	}
	for i, url := range urls {
		calls := [][]string{{"list", url}, {"demo", "--addr", "127.0.0.1:0", "--store", url}, {"copy", url, there}, {"copy", there, url},
			{"copy", "--from-flask", url, there}, {"demo", "--flask", "--addr", "127.0.0.1:0", "--store", url}, {"sweep", url}, {"revoke", url, "--owner", "u"}}
		// each opens and may wait: two a URL
		for _, args := range append(calls[:1], calls[1+i%(len(calls)-1)]) {
			code, out, errs := runIn(t, false, args...)
			if code == exitOK {
				t.Errorf("%q: it went well", args)
			}
			for n := range len(plain) - 4 {
				if part := plain[n : n+5]; strings.Contains(out+errs, part) {
					t.Errorf("%q: %q is in %q", args, part, out+errs)
					break
				}
			}
			if strings.Contains(out+errs, "%2FVb") {
				t.Errorf("%q: the password is in %q", args, out+errs)
			}
		}
	}
}
