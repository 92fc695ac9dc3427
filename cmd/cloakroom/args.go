package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// usageError is a wrong call of the command.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// newFlags returns a set of flags that prints nothing by itself.
func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

// parse reads flags and arguments in any order: `list URL --owner U` is `list --owner U
// URL`. It returns the arguments. After "--" there are no flags. The error is
// [flag.ErrHelp] where help is asked for.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var others []string
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			return append(others, args[1:]...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			others, args = append(others, arg), args[1:]
			continue
		}
		n := 1
		name, _, joined := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if !joined && takesValue(fs.Lookup(name)) {
			n = min(2, len(args))
		}
		if err := fs.Parse(args[:n]); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usagef("%s", err)
		}
		args = args[n:]
	}
	return others, nil
}

// takesValue reports whether a value follows the flag. None follows one that is on or
// off.
func takesValue(f *flag.Flag) bool {
	if f == nil {
		return false
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return !ok || !b.IsBoolFlag()
}

// parseURL parses the arguments of a command that takes one, the store. Without an
// argument [storeEnv] names it.
func parseURL(fs *flag.FlagSet, args []string) (string, error) {
	others, err := parse(fs, args)
	switch {
	case err != nil:
		return "", err
	case len(others) > 1:
		return "", usagef("one store URL is wanted, there are %d arguments", len(others))
	case len(others) == 1:
		return storeURL(others[0])
	case os.Getenv(storeEnv) == "":
		return "", usagef("the URL of the store is missing: give it, or set %s", storeEnv)
	}
	return storeURL("-")
}

// isSet reports whether a flag was given.
func isSet(fs *flag.FlagSet, name string) bool {
	set := false
	fs.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
