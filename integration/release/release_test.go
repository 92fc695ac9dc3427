//go:build unix

// Package release makes two releases of a copy of this repository, as scripts/release makes them,
// and uses them as the users of other repositories would.
package release

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

const project = "github.com/cloakroom-go/cloakroom"

// TestRelease is one test, since each part works on what those before it have made.
func TestRelease(t *testing.T) {
	servers.Long(t)
	first, next := versions(t)
	r := scratch(t)
	r.refuses(t)
	r.release(t, first)
	change(t, filepath.Join(r.dir, "doc.go"))
	r.release(t, next)
	proxy := r.publish(t, first, next)

	t.Run("root alone", func(t *testing.T) {
		u := newUser(t, proxy)
		u.do(t, "go", "get", project+"@"+first)
		u.program(t, "memory:", storeKind{opener: "memstore.Opener()", packages: []string{"memstore"}})
		for line := range strings.Lines(u.read(t, "go.sum")) {
			if !strings.HasPrefix(line, project+" ") {
				t.Errorf("the root brings %s", line)
			}
		}
	})
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			u := newUser(t, proxy)
			u.do(t, "go", append([]string{"get"}, s.modules(t, r, first)...)...)
			address := s.start(t)
			u.program(t, address, s)
			if s.module == "" {
				return
			}
			// A root newer than the store's module, which happens between two `go get`.
			u.do(t, "go", "get", project+"@"+next)
			u.program(t, address, s)
			u.do(t, "go", append([]string{"get"}, s.modules(t, r, next)...)...)
			u.program(t, address, s)
			if !strings.Contains(u.read(t, "go.mod"), s.module+" "+next) {
				t.Errorf("%s is not upgraded to %s", s.module, next)
			}
		})
	}
	modules := t.TempDir() // one cache for these: they are many
	for _, folder := range append(r.folders(t, "adapter/"), r.folders(t, "telemetry/")...) {
		t.Run(folder, func(t *testing.T) {
			u := newUser(t, proxy)
			u.env = append(u.env, "GOMODCACHE="+modules)
			for _, v := range []string{first, next} {
				u.do(t, "go", "get", project+"/"+folder+"@"+v)
				u.serves(t, programOf(t, filepath.Join(r.dir, folder, "README.md")))
			}
		})
	}
	t.Run("command", func(t *testing.T) {
		u := newUser(t, proxy)
		for _, v := range []string{first, next} {
			u.do(t, "go", "install", project+"/cmd/cloakroom@"+v)
			out := u.do(t, filepath.Join(u.dir, "bin", "cloakroom"), "version")
			if !strings.Contains(out, " "+v+" ") {
				t.Errorf("cloakroom version of %s prints %q", v, out)
			}
		}
		u.do(t, "go", "run", project+"/cmd/demo@"+next, "-help")
	})
	// In a checkout of the tag, go.sum has what each module requires, also without go.work.
	t.Run("checkout", func(t *testing.T) {
		u := newUser(t, proxy)
		u.dir = filepath.Join(r.dir, "cmd", "cloakroom")
		u.do(t, "go", "list", "-deps", "-mod=readonly", ".")
	})
}

// versions returns the version after the last release, and the one after it.
func versions(t *testing.T) (first, next string) {
	t.Helper()
	tags := strings.Fields(run(t, "", nil, "git", "tag", "--list", "v*", "--sort=version:refname"))
	minor := 0
	if len(tags) > 0 {
		parts := strings.Split(tags[len(tags)-1], ".")
		n, err := strconv.Atoi(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		minor = n
	}
	return fmt.Sprintf("v0.%d.0", minor+1), fmt.Sprintf("v0.%d.0", minor+2)
}

// repository is a clone to release from.
type repository struct{ dir string }

// scratch clones the repository, with what is not committed yet.
func scratch(t *testing.T) repository {
	t.Helper()
	root := strings.TrimSpace(run(t, "", nil, "git", "rev-parse", "--show-toplevel"))
	r := repository{filepath.Join(t.TempDir(), "clone")}
	run(t, "", nil, "git", "clone", "-q", root, r.dir)
	if changes := run(t, root, nil, "git", "diff", "--binary", "HEAD"); changes != "" {
		patch := filepath.Join(t.TempDir(), "patch")
		write(t, patch, changes)
		run(t, r.dir, nil, "git", "apply", patch)
	}
	r.commit(t, "what is not committed yet")
	return r
}

// folders returns those of the modules that are published whose paths begin with a prefix.
func (r repository) folders(t *testing.T, prefix string) []string {
	t.Helper()
	return slices.DeleteFunc(strings.Fields(run(t, r.dir, nil, "scripts/published")),
		func(folder string) bool { return !strings.HasPrefix(folder, prefix) })
}

func (r repository) commit(t *testing.T, message string) {
	t.Helper()
	run(t, r.dir, identity, "git", "add", "-A")
	run(t, r.dir, identity, "git", "commit", "-q", "--allow-empty", "-m", message)
}

// identity is a name for commits, where the machine has none.
var identity = []string{
	"GIT_AUTHOR_NAME=release", "GIT_AUTHOR_EMAIL=release@localhost",
	"GIT_COMMITTER_NAME=release", "GIT_COMMITTER_EMAIL=release@localhost",
}

// refuses checks what scripts/release does not release.
func (r repository) refuses(t *testing.T) {
	t.Helper()
	refused := func(why, want, version string) {
		t.Helper()
		out, err := try(r.dir, identity, "scripts/release", version)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %q; want an error about %q", why, err, out, want)
		}
	}
	refused("no v", "usage:", "1.0.0")
	refused("import paths without /v2", "import paths", "v2.0.0")
	refused("not in CHANGELOG", "CHANGELOG.md", "v0.99.0")
	stray := filepath.Join(r.dir, "stray.txt")
	write(t, stray, "")
	refused("a file that git does not know", "not clean", "v0.99.0")
	if err := os.Remove(stray); err != nil {
		t.Fatal(err)
	}
}

// release adds the version to CHANGELOG, as a maintainer would, and makes the release.
func (r repository) release(t *testing.T, version string) {
	t.Helper()
	path := filepath.Join(r.dir, "CHANGELOG.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	heading := "## [Unreleased]\n"
	write(t, path, strings.Replace(string(text), heading,
		heading+"\n## ["+strings.TrimPrefix(version, "v")+"] - 2020-02-02\n", 1))
	r.commit(t, "the changes of "+version)
	run(t, r.dir, identity, "scripts/release", version)
	if left := run(t, r.dir, nil, "git", "status", "--porcelain"); left != "" {
		t.Errorf("%s left in the tree:\n%s", version, left)
	}
	if out, err := try(r.dir, identity, "scripts/release", version); err == nil {
		t.Errorf("%s was released twice: %s", version, out)
	}
}

// publish fills a folder with the releases, as a module proxy keeps them, and returns its URL.
func (r repository) publish(t *testing.T, versions ...string) string {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "proxy")
	env := []string{
		"GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=url.file://" + r.dir + ".insteadOf",
		"GIT_CONFIG_VALUE_0=https://" + project,
		"GOMODCACHE=" + cache, "GOFLAGS=-modcacherw", "GOPRIVATE=" + project, "GOWORK=off",
	}
	for _, folder := range strings.Fields(run(t, r.dir, nil, "scripts/published")) {
		module := project
		if folder != "." {
			module += "/" + folder
		}
		for _, v := range versions {
			run(t, t.TempDir(), env, "go", "mod", "download", module+"@"+v)
		}
	}
	return "file://" + filepath.Join(cache, "cache", "download")
}

// user is a module outside of the repository, of a user who has nothing but the releases.
type user struct {
	dir string
	env []string
}

func newUser(t *testing.T, proxy string) *user {
	t.Helper()
	// What other projects publish comes from this machine's cache where that has it.
	others := "file://" + strings.TrimSpace(run(t, "", nil, "go", "env", "GOMODCACHE")) + "/cache/download"
	public := strings.TrimSpace(run(t, "", nil, "go", "env", "GOPROXY"))
	u := &user{dir: t.TempDir()}
	u.env = []string{
		"GOPROXY=" + proxy + "," + others + "," + public, "GONOSUMDB=" + project,
		"GOMODCACHE=" + t.TempDir(), "GOBIN=" + filepath.Join(u.dir, "bin"),
		// -trimpath lets programs of several folders share what the go command has built.
		"GOWORK=off", "GOFLAGS=-modcacherw -trimpath",
	}
	u.do(t, "go", "mod", "init", "example.com/site")
	return u
}

func (u *user) do(t *testing.T, program string, args ...string) string {
	t.Helper()
	return run(t, u.dir, u.env, program, args...)
}

func (u *user) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(u.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// program writes, builds and runs a program that keeps its sessions in a store.
func (u *user) program(t *testing.T, address string, s storeKind) {
	t.Helper()
	var text bytes.Buffer
	err := program.Execute(&text, map[string]any{
		"Project": project, "Packages": s.packages, "Drivers": s.drivers, "Opener": s.opener,
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(u.dir, "main.go"), text.String())
	u.do(t, "go", "build", "-o", "site", ".")
	if out := u.do(t, filepath.Join(u.dir, "site"), address); out != "ada, visit 2\n" {
		t.Errorf("the program prints %q", out)
	}
}

// program signs in, counts two visits and prints them.
var program = template.Must(template.New("").Parse(`package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"

	"{{.Project}}"
	"{{.Project}}/store/storeurl"
	{{range .Packages}}"{{$.Project}}/store/{{.}}"
	{{end}}{{range .Drivers}}_ "{{.}}"
	{{end}}
)

const visits = cloakroom.Key[int]("visits")

func main() {
	store, closer, err := storeurl.Open(context.Background(), os.Args[1], {{.Opener}})
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	site := httptest.NewServer(sessions.Handler(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			s := sessions.Get(r)
			if s.Owner() == "" {
				if err := s.Login("ada"); err != nil {
					log.Print(err)
					return
				}
			}
			n, err := visits.UpdateNow(s, func(n int) int { return n + 1 })
			if err != nil {
				log.Print(err)
				return
			}
			fmt.Fprintf(w, "%s, visit %d\n", s.Owner(), n)
		})))
	defer site.Close()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	var page []byte
	for range 2 {
		resp, err := browser.Get(site.URL)
		if err != nil {
			log.Fatal(err)
		}
		page, _ = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	os.Stdout.Write(page)
}
`))

// change adds a comment, so that the next release differs.
func change(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(text)+"\n// A later release.\n")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a program, with env added to the environment, and returns what it prints.
func run(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	out, err := try(dir, env, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

func try(dir string, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), program, args...)
	if strings.HasPrefix(program, "scripts/") {
		cmd.Path = filepath.Join(dir, program)
	}
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK="), env...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String() + complaints.String(), err
	}
	return out.String(), nil
}
