//go:build unix

// Command mutate finds out what the tests of a package would not notice. It makes one small
// change to the code, a mutant, and runs the package's tests on it: a mutant that fails them
// is killed, and one that passes has survived. `make mutate` runs it; CONTRIBUTING.md says how
// to read what it prints.
//
// A mutant never touches the working tree: it reaches the compiler as an overlay. One that does
// not compile is not counted. One whose tests run out of time or memory is killed.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	root     string               // the folder of the project; all paths are below it
	accepted string               // the file of accepted survivors
	also     map[string][]testSet // further tests, by the folder of the package they are for
	list     bool                 // only print the mutants
	least    float64              // percent of the counted mutants that must be killed
	match    *regexp.Regexp       // which mutants to try, by "file:line kind"; nil is all
	parallel int                  // mutants tried at a time
	sample   int                  // mutants tried of each package; zero is all
	seed     uint64               // of the sample
	timeout  time.Duration        // of the tests of one mutant, at most
	log      func(string, ...any) // prints a line
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{
		also: make(map[string][]testSet),
		log: func(format string, a ...any) {
			_, _ = fmt.Fprintf(out, format+"\n", a...)
		},
	}
	f := flag.NewFlagSet("mutate", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		o.log("usage: mutate [flags] folder...\n\nEach folder holds a package to change.\n")
		f.PrintDefaults()
	}
	f.StringVar(&o.root, "root", ".", "the `folder` of the project")
	f.StringVar(&o.accepted, "accepted", "internal/mutate/equivalent.txt",
		"the `file` of survivors that are accepted, each with its reason")
	f.Float64Var(&o.least, "least", 90, "the `percent` of each package's mutants to kill")
	f.BoolVar(&o.list, "list", false, "print the mutants instead of trying them")
	f.IntVar(&o.parallel, "p", 1, "try so many mutants at a time")
	f.IntVar(&o.sample, "sample", 0, "try so many mutants of each package; 0 tries all")
	f.Uint64Var(&o.seed, "seed", 1, "take the sample by this number")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "the longest time for one mutant's tests")
	f.Func("match", "try only mutants whose \"file:line kind\" matches this `pattern`",
		func(s string) (err error) {
			o.match, err = regexp.Compile(s)
			return err
		})
	f.Func("also", "try what survives in `package=folder[:tests]` by the folder's tests too,\n"+
		"all or those whose names match", o.addTests)
	if err := f.Parse(args); err != nil {
		return err
	}
	return mutate(ctx, o, f.Args())
}

// addTests understands "store/redisstore=integration/redis:TestConformance".
func (o *options) addTests(s string) error {
	dir, tests, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("want package=folder")
	}
	folder, names, _ := strings.Cut(tests, ":")
	o.also[path.Clean(dir)] = append(o.also[path.Clean(dir)], testSet{dir: folder, names: names})
	return nil
}

// mutate tries the packages one after another. It goes on after one that fails.
func mutate(ctx context.Context, o options, dirs []string) error {
	accepted, err := readAccepted(o.root, o.accepted)
	if err != nil {
		return err
	}
	var failed []error
	for _, dir := range dirs {
		if err := mutatePackage(ctx, o, path.Clean(dir), accepted); err != nil {
			o.log("%v", err)
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d packages failed", len(failed), len(dirs))
	}
	return nil
}

func mutatePackage(ctx context.Context, o options, dir string, accepted map[string]bool) error {
	p, err := load(ctx, o, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	all := p.mutants()
	if o.list {
		for _, m := range p.choose(all, o) {
			o.log("%s\n%s\n", m.place(), m.key())
		}
		return nil
	}
	t := &tester{options: o, sets: append([]testSet{{dir: dir}}, o.also[dir]...)}
	if err := t.checkUnchanged(ctx); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	stale := staleEntries(accepted, dir, all)
	for _, key := range stale {
		o.log("%s: no such change any more; take it out of it:\n%s", o.accepted, key)
	}
	c := tryAll(ctx, t, p.choose(all, o), accepted)
	o.log("%s: %s", dir, c)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(stale) > 0:
		return fmt.Errorf("%s: %d accepted survivors are out of date", dir, len(stale))
	case c.percent() < o.least:
		return fmt.Errorf("%s: %.1f%% killed, want %g%%", dir, c.percent(), o.least)
	}
	return nil
}

// choose returns the mutants to try: those that match and compile, and of them a sample that is
// the same for the same code and seed.
func (p *pkg) choose(all []mutant, o options) []mutant {
	order := rand.New(rand.NewPCG(o.seed, 0)).Perm(len(all))
	chosen := make([]bool, len(all))
	n := 0
	for _, i := range order {
		if o.sample > 0 && n == o.sample {
			break
		}
		m := all[i]
		wanted := o.match == nil || o.match.MatchString(m.place()+" "+m.kind)
		if wanted && p.compiles(m) {
			chosen[i] = true
			n++
		}
	}
	list := make([]mutant, 0, n)
	for i, m := range all {
		if chosen[i] {
			list = append(list, m)
		}
	}
	return list
}

// count says how the mutants of a package fared.
type count struct{ killed, timedOut, survived, accepted, notBuilt int }

func (c count) percent() float64 {
	tried := c.killed + c.timedOut + c.survived
	if tried == 0 {
		return 100
	}
	return 100 * float64(c.killed+c.timedOut) / float64(tried)
}

func (c count) String() string {
	return fmt.Sprintf("%.1f%% killed: %d by tests, %d by the time limit; %d survived; "+
		"not counted: %d accepted, %d not built",
		c.percent(), c.killed, c.timedOut, c.survived, c.accepted, c.notBuilt)
}

// tryAll tries the mutants and prints the survivors as it finds them. What is accepted is
// taken on trust.
func tryAll(
	ctx context.Context, t *tester, list []mutant, accepted map[string]bool,
) (c count) {
	var mu sync.Mutex // guards c and the log
	var wg sync.WaitGroup
	queue := make(chan mutant)
	for range max(1, t.parallel) {
		wg.Go(func() {
			for m := range queue {
				result, err := t.try(ctx, m)
				mu.Lock()
				switch {
				case ctx.Err() != nil:
				case err != nil:
					t.log("%s: %v", m.place(), err)
					c.notBuilt++
				case result == killed:
					c.killed++
				case result == timedOut:
					c.timedOut++
				case result == notBuilt:
					c.notBuilt++
				default:
					c.survived++
					t.log("survived: %s\n%s\n", m.place(), m.key())
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range list {
		if accepted[m.key()] {
			mu.Lock()
			c.accepted++
			mu.Unlock()
		} else if ctx.Err() == nil {
			queue <- m
		}
	}
	close(queue)
	wg.Wait()
	return c
}

// readAccepted reads the file of accepted survivors. An entry is three lines or more: where and
// which kind, the change, and the reason. Empty lines and those that begin with # are skipped.
func readAccepted(root, name string) (map[string]bool, error) {
	text, err := os.ReadFile(under(root, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	accepted := make(map[string]bool)
	for block := range bytes.SplitSeq(text, []byte("\n\n")) {
		var lines []string
		for line := range strings.SplitSeq(string(block), "\n") {
			if line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		switch {
		case len(lines) == 0:
		case len(lines) < 3:
			return nil, fmt.Errorf("%s: %q has no reason", name, strings.Join(lines, "\n"))
		default:
			accepted[lines[0]+"\n"+lines[1]] = true
		}
	}
	return accepted, nil
}

// staleEntries returns the accepted survivors of a package that its code does not have.
func staleEntries(accepted map[string]bool, dir string, all []mutant) (stale []string) {
	have := make(map[string]bool, len(all))
	for _, m := range all {
		have[m.key()] = true
	}
	for key := range accepted {
		file, _, _ := strings.Cut(key, " ")
		if path.Dir(file) == dir && !have[key] {
			stale = append(stale, key)
		}
	}
	return stale
}
