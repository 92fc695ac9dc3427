// Command cloakroom shows what Cloakroom does, in a demo for the browser, and manages the
// sessions in a store: it sweeps, lists, revokes and copies them.
//
//	cloakroom demo
//	cloakroom list file:///var/lib/sessions --owner ada
//
// `cloakroom help` tells the rest. The exit code is 0 when all went well, 1 when
// something failed, and 2 when the command was called wrongly. Errors are one line on the
// standard error output.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// terminal is where a command reads and writes.
type terminal struct {
	out, err io.Writer
	isTTY    bool // a person reads out
}

// complainf writes to the standard error output. If that fails, there is no place to
// report it.
func (t terminal) complainf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.err, format, args...)
}

func logger(t terminal) *slog.Logger { return slog.New(slog.NewTextHandler(t.err, nil)) }

// show writes a help text and returns the exit code.
func (t terminal) show(help string) int {
	if _, err := io.WriteString(t.out, help); err != nil {
		t.complainf("cloakroom: %s\n", oneLine(err.Error()))
		return exitFailure
	}
	return exitOK
}

// command is one subcommand. run gets the arguments after its name.
type command struct {
	name string
	help string
	run  func(ctx context.Context, t terminal, args []string) error
}

func commands() []command {
	return []command{
		{"demo", helpDemo, runDemo},
		{"sweep", helpSweep, runSweep},
		{"list", helpList, runList},
		{"revoke", helpRevoke, runRevoke},
		{"copy", helpCopy, runCopy},
		{"version", helpVersion, runVersion},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so a second signal ends the process at once
	t := terminal{out: os.Stdout, err: os.Stderr, isTTY: isTerminal(os.Stdout)}
	slog.SetDefault(logger(t)) // for the stores, which report damaged records there
	code := run(ctx, t, os.Args[1:])
	stop()
	os.Exit(code)
}

// run performs the command in args and returns the exit code.
func run(ctx context.Context, t terminal, args []string) int {
	if len(args) == 0 {
		t.complainf("%s", helpAll)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return runHelp(t, rest)
	case "-version", "--version":
		name = "version"
	}
	c := find(name)
	if c == nil {
		t.complainf("cloakroom: unknown command %q; see cloakroom help\n", name)
		return exitUsage
	}
	err := c.run(ctx, t, rest)
	switch usage := (*usageError)(nil); {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		return t.show(c.help)
	case errors.As(err, &usage):
		t.complainf("cloakroom %s: %s; see cloakroom help %s\n", name, oneLine(err.Error()), name)
		return exitUsage
	default:
		t.complainf("cloakroom %s: %s\n", name, oneLine(err.Error()))
		return exitFailure
	}
}

func find(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return &c
		}
	}
	return nil
}

func runHelp(t terminal, args []string) int {
	if len(args) == 0 {
		return t.show(helpAll)
	}
	if args[0] == "help" {
		return t.show(helpHelp)
	}
	c := find(args[0])
	if c == nil {
		t.complainf("cloakroom help: unknown command %q; see cloakroom help\n", args[0])
		return exitUsage
	}
	return t.show(c.help)
}

// oneLine turns an error into one printable line.
func oneLine(s string) string {
	return printable(strings.ReplaceAll(strings.TrimSpace(s), "\n", "; "))
}

// isTerminal reports whether f is a character device, as a terminal is; a pipe or a file
// is none.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
