//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
)

// pkg is a package whose code is to be changed.
type pkg struct {
	path  string // its import path
	fset  *token.FileSet
	files []*source
	check types.Config
	info  types.Info
}

// source is a file of a package.
type source struct {
	name string // below the project's folder, with slashes
	abs  string
	text []byte
	tree *ast.File
}

func under(root, name string) string { return filepath.Join(root, filepath.FromSlash(name)) }

// goCommand prepares a go command that runs in a folder.
func goCommand(ctx context.Context, o options, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = under(o.root, dir)
	cmd.Env = append(os.Environ(), "GOWORK="+workspace(o.root, dir))
	return cmd
}

// workspace returns the GOWORK for a folder: the project's go.work, or "off" where that leaves
// the folder's module out.
func workspace(root, dir string) string {
	file := under(root, "go.work")
	text, err := os.ReadFile(file)
	if err != nil {
		return "off"
	}
	module := path.Clean(dir)
	for module != "." {
		if _, err := os.Stat(filepath.Join(under(root, module), "go.mod")); err == nil {
			break
		}
		module = path.Dir(module)
	}
	if module != "." && !bytes.Contains(text, []byte("\t./"+module+"\n")) {
		return "off"
	}
	if file, err = filepath.Abs(file); err != nil {
		return "off"
	}
	return file
}

// load parses a package and checks its types. What it imports comes from the compiler's cache.
func load(ctx context.Context, o options, dir string) (*pkg, error) {
	cmd := goCommand(ctx, o, dir, "list", "-deps", "-export",
		"-json=Dir,DepOnly,Export,GoFiles,ImportPath", ".")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	listed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.Bytes())
	}
	p := &pkg{fset: token.NewFileSet()}
	exports := make(map[string]string)
	for d := json.NewDecoder(bytes.NewReader(listed)); ; {
		var entry struct {
			Dir, Export, ImportPath string
			DepOnly                 bool
			GoFiles                 []string
		}
		if err := d.Decode(&entry); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		exports[entry.ImportPath] = entry.Export
		if entry.DepOnly {
			continue
		}
		p.path = entry.ImportPath
		for _, name := range entry.GoFiles {
			f, err := p.read(path.Join(dir, name), filepath.Join(entry.Dir, name))
			if err != nil {
				return nil, err
			}
			p.files = append(p.files, f)
		}
	}
	p.check = types.Config{
		Importer: importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
			return os.Open(exports[path])
		}),
		Sizes: types.SizesFor("gc", runtime.GOARCH),
	}
	p.info = types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue),
		Uses:  make(map[*ast.Ident]types.Object),
	}
	_, err = p.check.Check(p.path, p.fset, p.trees(nil, nil), &p.info)
	return p, err
}

func (p *pkg) read(name, abs string) (*source, error) {
	text, err := os.ReadFile(abs)
	if err != nil {
		return nil, err
	}
	how := parser.ParseComments | parser.SkipObjectResolution
	tree, err := parser.ParseFile(p.fset, name, text, how)
	return &source{name: name, abs: abs, text: text, tree: tree}, err
}

// trees returns the files' syntax, with another in place of that of changed.
func (p *pkg) trees(changed *source, other *ast.File) []*ast.File {
	trees := make([]*ast.File, len(p.files))
	for i, f := range p.files {
		if trees[i] = f.tree; f == changed {
			trees[i] = other
		}
	}
	return trees
}

// compiles reports whether the package would compile with the mutant in it. The compiler says
// the same, a thousand times slower.
func (p *pkg) compiles(m mutant) bool {
	tree, err := parser.ParseFile(p.fset, m.file.name, m.changed(), parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	_, err = p.check.Check(p.path, p.fset, p.trees(m.file, tree), nil)
	return err == nil
}
