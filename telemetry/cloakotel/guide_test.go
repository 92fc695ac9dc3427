package cloakotel_test

import (
	"os"
	"strings"
	"testing"
)

// TestGuideCode: the code of the guide is a part of an example, which the compiler checks.
func TestGuideCode(t *testing.T) {
	examples := unindented(readText(t, "example_test.go") + readText(t, "examples/visits/main.go"))
	blocks := strings.Split(readGuide(t), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Error("the guide has no code")
	}
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if !strings.Contains(examples, unindented(code)) {
			t.Errorf("no example has\n%s", code)
		}
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readGuide returns docs/observing.md, or skips the test where the module stands alone.
func readGuide(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("../../docs"); err != nil {
		t.Skip(err)
	}
	return readText(t, "../../docs/observing.md")
}

func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}
