package cloakroom_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuideCode: the code of these guides is a part of an example or a test, which the compiler
// checks and the tests run.
func TestGuideCode(t *testing.T) {
	var examples string
	for _, pattern := range []string{
		"example*_test.go", "cloakroomtest/example_test.go", "integration/browser/client_test.go",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			examples += unindented(readPage(t, file))
		}
	}
	for _, file := range []string{"docs/proxy.md", "docs/testing.md"} {
		blocks := strings.Split(readPage(t, file), "```go\n")[1:]
		if len(blocks) == 0 {
			t.Errorf("%s has no code", file)
		}
		for _, block := range blocks {
			code, _, _ := strings.Cut(block, "```")
			if !strings.Contains(examples, unindented(code)) {
				t.Errorf("%s: no example has\n%s", file, code)
			}
		}
	}
}

// TestLinks: links between the pages lead to a file, and to a title in it.
func TestLinks(t *testing.T) {
	pages := []string{"CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"}
	err := filepath.WalkDir("docs", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, m := range pageLink.FindAllStringSubmatch(prose(readPage(t, page)), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if u.IsAbs() {
				continue
			}
			to := page
			if u.Path != "" {
				to = filepath.Join(filepath.Dir(page), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if u.Fragment != "" && !anchorsOf(readPage(t, to))[u.Fragment] {
				t.Errorf("%s: %s has no title for #%s", page, to, u.Fragment)
			}
		}
	}
}

var (
	pageLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pageCode   = regexp.MustCompile("(?s)```.*?```|`[^`]*`")
	pageTitle  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unanchored = regexp.MustCompile(`[^\p{L}\p{N}_ -]`) // what GitHub leaves out of an anchor
)

// prose returns a page without code.
func prose(page string) string { return pageCode.ReplaceAllString(page, "") }

// anchorsOf returns what links may name in a page.
func anchorsOf(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range pageTitle.FindAllStringSubmatch(page, -1) {
		name := unanchored.ReplaceAllString(strings.ToLower(m[1]), "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}

// unindented returns code without indentation.
func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
