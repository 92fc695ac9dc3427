package flask_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

const guideFile = "../../docs/from-flask.md"

// testFolders are where the tests for the guide's statements are.
var testFolders = []string{
	".", "../../flask", "../../cmd/cloakroom", "../../store/cachelibstore", "../..", "../rehearsal",
}

// Each paragraph, item and row of the guide ends with a comment that names the tests for
// it, such as <!-- TestShared -->, and these tests exist.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile(guideFile)
	if err != nil {
		t.Fatal(err)
	}
	known := testsIn(t, testFolders)
	named := 0
	for _, s := range statements(string(text)) {
		names := strings.Fields(markOf(s))
		if len(names) == 0 {
			t.Errorf("no test is named by: %.100s", s)
		}
		for _, name := range names {
			if named++; !known[name] {
				t.Errorf("there is no %s, which is to hold: %.100s", name, s)
			}
		}
	}
	if named < 100 {
		t.Errorf("only %d tests are named: how the guide is written was not understood", named)
	}
}

// The check finds missing marks and tests.
func TestGuideCheck(t *testing.T) {
	text := "# Title\n\nOne\nparagraph.\n<!-- TestA TestB -->\n\n```go\nno: statement\n```\n\n" +
		"As follows:\n\n1. An item,\n   which goes on. <!-- TestC -->\n2. Another.\n- A third. <!-- TestD -->\n\n" +
		"| a | b |\n|---|---|\n| c | d <!-- TestE --> |\n| e | f |\n\n    code\n\nThe end. And more:\n"
	want := []string{"TestA TestB", "TestC", "", "TestD", "TestE", "", ""}
	var got []string
	for _, s := range statements(text) {
		got = append(got, markOf(s))
	}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("%q, want %q", got, want)
	}
}

var (
	mark      = regexp.MustCompile(`<!-- ([^>]*) -->( \|)?$`)
	itemStart = regexp.MustCompile(`^(- |[0-9]+\. )`)
	testStart = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	single    = regexp.MustCompile(`^[^.]*:$`) // a sentence that only leads to what follows
)

// markOf returns the names in the comment at the end of a statement.
func markOf(statement string) string {
	m := mark.FindStringSubmatch(statement)
	if m == nil {
		return ""
	}
	return m[1]
}

// statements returns the paragraphs, list items and rows of a Markdown text, each as one
// line, without titles, code, heads of tables, and single sentences that end with a
// colon.
func statements(text string) []string {
	var all []string
	current := ""
	end := func() {
		if current != "" && !single.MatchString(current) {
			all = append(all, current)
		}
		current = ""
	}
	inCode, row := false, 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "```") {
			end()
			inCode = !inCode
			continue
		}
		if !strings.HasPrefix(line, "|") {
			row = 0
		}
		switch {
		case inCode:
		case line == "" || strings.HasPrefix(line, "#"):
			end()
		case strings.HasPrefix(line, "|"):
			end()
			if row++; row > 2 {
				all = append(all, line)
			}
		case current == "" && strings.HasPrefix(line, "    "):
		case itemStart.MatchString(line):
			end()
			current = line
		default:
			current = strings.TrimSpace(current + " " + strings.TrimSpace(line))
		}
	}
	end()
	return all
}

// testsIn returns the names of the tests in folders.
func testsIn(t *testing.T, folders []string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests in %s, %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range testStart.FindAllStringSubmatch(string(text), -1) {
				known[m[1]] = true
			}
		}
	}
	return known
}

// The code in the guide is what the tests run.
func TestGuideCode(t *testing.T) {
	guide, err := os.ReadFile(guideFile)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("leave_stores_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "\t// guide\n")
	code, _, ok := strings.Cut(code, "\t// end\n")
	code = strings.ReplaceAll("\n"+code, "\n\t", "\n")
	if !ok || !strings.Contains(string(guide), "```go"+code+"```\n") {
		t.Errorf("docs/from-flask.md does not show this code:%s", code)
	}
}

var leavingRow = regexp.MustCompile("(?m)^\\| `([a-z]+)`[^|]* \\| `([a-z+0-9]+:[^`]*)` \\| `([^`]+)`")

// Each FROM-URL that the guide shows is one of its type, and each TO-URL one of a store.
func TestGuideURLs(t *testing.T) {
	text, err := os.ReadFile(guideFile)
	if err != nil {
		t.Fatal(err)
	}
	rows := leavingRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) != len(leaving) {
		t.Errorf("%d rows show URLs, want %d", len(rows), len(leaving))
	}
	for _, row := range rows {
		c := flask.Default()
		if row[1] == "postgresql" {
			c.SessionType = row[1]
		}
		c, err := c.WithStore(row[2])
		if err == nil {
			_, err = c.StoreURL()
		}
		if err != nil || c.SessionType != row[1] {
			t.Errorf("%s is of the type %q, %v", row[2], c.SessionType, err)
		}
		scheme, _, _ := strings.Cut(row[3], ":")
		if !slices.ContainsFunc(openers, func(o storeurl.Opener) bool { return slices.Contains(o.Schemes, scheme) }) {
			t.Errorf("no store has the URL %s", row[3])
		}
	}
}

// guideText returns the guide as one line.
func guideText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(guideFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}
