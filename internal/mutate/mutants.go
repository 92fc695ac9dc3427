//go:build unix

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// mutant is one change of one file: text takes the place of the bytes from one offset to
// another.
type mutant struct {
	file     *source
	from, to int
	text     string

	kind string
	line int
	in   string // the function around it
	same int    // how many changes that read the same stand before it
}

// changed returns the file with the change in it.
func (m mutant) changed() []byte {
	t := m.file.text
	return bytes.Join([][]byte{t[:m.from], []byte(m.text), t[m.to:]}, nil)
}

func (m mutant) place() string { return fmt.Sprintf("%s:%d", m.file.name, m.line) }

// key names a mutant in a way that outlives moved lines: by the function, the kind, and the
// text of the lines that it changes, before and after.
func (m mutant) key() string {
	t := m.file.text
	begin := bytes.LastIndexByte(t[:m.from], '\n') + 1
	end := len(t)
	if i := bytes.IndexByte(t[m.to:], '\n'); i >= 0 {
		end = m.to + i
	}
	before := brief(string(t[begin:end]))
	after := brief(string(t[begin:m.from]) + m.text + string(t[m.to:end]))
	if after == "" {
		after = "(nothing)"
	}
	head := m.file.name + " " + m.in + " " + m.kind
	if m.same > 0 {
		head += fmt.Sprintf(" #%d", m.same+1)
	}
	return head + "\n\t" + before + " => " + after
}

// brief puts code on one line of bounded length, without its comments.
func brief(code string) string {
	var words []string
	for line := range strings.SplitSeq(code, "\n") {
		line, _, _ = strings.Cut(line, "// ")
		words = append(words, strings.Fields(line)...)
	}
	s := strings.Join(words, " ")
	if r := []rune(s); len(r) > 120 {
		s = string(r[:80]) + " … " + string(r[len(r)-37:])
	}
	return s
}

// mutants returns every change of the package, in the order of the code. Some do not compile.
func (p *pkg) mutants() []mutant {
	var all []mutant
	for _, f := range p.files {
		if ast.IsGenerated(f.tree) {
			continue
		}
		for _, d := range f.tree.Decls {
			w := walker{
				pkg: p, file: f, in: nameOf(d), failures: make(map[*ast.ReturnStmt]bool),
			}
			ast.Inspect(d, w.visit)
			all = append(all, w.found...)
		}
	}
	seen := make(map[string]int)
	for i := range all {
		key := all[i].key()
		all[i].same = seen[key]
		seen[key]++
	}
	return all
}

// nameOf returns the name of a function, with its receiver's type, or "-" for what is none.
func nameOf(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		return "-"
	}
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + f.Name.Name
		default:
			return f.Name.Name
		}
	}
}

// walker collects the mutants of one declaration.
type walker struct {
	*pkg
	file  *source
	in    string
	found []mutant

	failures map[*ast.ReturnStmt]bool // those that certainly return an error
}

func (w *walker) offset(p token.Pos) int { return w.fset.Position(p).Offset }

func (w *walker) textOf(n ast.Node) string {
	return string(w.file.text[w.offset(n.Pos()):w.offset(n.End())])
}

// add notes a change of what lies between two positions.
func (w *walker) add(kind string, from, to token.Pos, text string) {
	w.found = append(w.found, mutant{
		file: w.file, from: w.offset(from), to: w.offset(to), text: text,
		kind: kind, line: w.fset.Position(from).Line, in: w.in,
	})
}

func (w *walker) replace(kind string, n ast.Node, text string) {
	w.add(kind, n.Pos(), n.End(), text)
}

// exchange puts two nodes in each other's place.
func (w *walker) exchange(kind string, a, b ast.Node) {
	x, y := w.textOf(a), w.textOf(b)
	if x != y {
		between := string(w.file.text[w.offset(a.End()):w.offset(b.Pos())])
		w.add(kind, a.Pos(), b.End(), y+between+x)
	}
}

func (w *walker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return false
	case *ast.BinaryExpr:
		w.binary(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT || n.Op == token.SUB {
			w.replace("negate", n, w.textOf(n.X))
		}
	case *ast.IfStmt:
		w.condition(n.Cond)
		w.noteFailure(n)
	case *ast.ForStmt:
		if n.Cond != nil {
			w.replace("never", n.Cond, "false && ("+w.textOf(n.Cond)+")")
		}
	case *ast.BlockStmt:
		w.statements(n.List)
	case *ast.CaseClause:
		w.replace("case", n, "")
		w.statements(n.Body)
	case *ast.CommClause:
		w.replace("case", n, "")
		w.statements(n.Body)
	case *ast.ReturnStmt:
		return w.returned(n)
	case *ast.CallExpr:
		w.call(n)
	case *ast.AssignStmt:
		if n.Tok == token.ASSIGN && len(n.Lhs) == len(n.Rhs) {
			w.neighbours(n.Rhs)
		}
	case *ast.BasicLit:
		if n.Kind == token.INT {
			w.replace("number", n, "("+n.Value+" + 1)")
		}
	case *ast.Ident:
		if other := map[string]string{"true": "false", "false": "true"}[n.Name]; other != "" {
			if w.info.Uses[n] == types.Universe.Lookup(n.Name) {
				w.replace("bool", n, other)
			}
		}
	}
	return true
}

// operators says what takes an operator's place.
var operators = map[token.Token]struct{ kind, other string }{
	token.EQL: {"compare", "!="}, token.NEQ: {"compare", "=="},
	token.LSS: {"compare", "<="}, token.LEQ: {"compare", "<"},
	token.GTR: {"compare", ">="}, token.GEQ: {"compare", ">"},
	token.LAND: {"logic", "||"}, token.LOR: {"logic", "&&"},
	token.ADD: {"arithmetic", "-"}, token.SUB: {"arithmetic", "+"},
	token.MUL: {"arithmetic", "/"}, token.QUO: {"arithmetic", "*"},
	token.SHL: {"arithmetic", ">>"}, token.SHR: {"arithmetic", "<<"},
	token.AND: {"arithmetic", "|"}, token.OR: {"arithmetic", "&"},
}

func (w *walker) binary(n *ast.BinaryExpr) {
	if op, ok := operators[n.Op]; ok {
		w.add(op.kind, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), op.other)
	}
	if n.Op == token.LAND || n.Op == token.LOR { // leave a condition out
		w.add("drop", n.Pos(), n.Y.Pos(), "")
		w.add("drop", n.X.End(), n.End(), "")
	}
}

// condition changes that of an if. What a changed operator says as well is left to that.
func (w *walker) condition(c ast.Expr) {
	w.replace("never", c, "false && ("+w.textOf(c)+")")
	switch x := c.(type) {
	case *ast.UnaryExpr:
		return
	case *ast.BinaryExpr:
		if x.Op == token.EQL || x.Op == token.NEQ {
			return
		}
	}
	w.replace("negate", c, "!("+w.textOf(c)+")")
}

// statements leaves out each that has an effect, and puts two calls in the other order.
func (w *walker) statements(list []ast.Stmt) {
	for i, s := range list {
		switch x := s.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt,
			*ast.DeferStmt, *ast.GoStmt, *ast.BranchStmt:
			w.replace("drop", s, "")
		case *ast.AssignStmt:
			if x.Tok != token.DEFINE && !blank(x.Lhs) {
				w.replace("drop", s, "")
			}
		case *ast.ReturnStmt:
			if len(x.Results) == 0 {
				w.replace("drop", s, "")
			}
		}
		if i > 0 && acts(list[i-1]) && acts(s) {
			w.exchange("order", list[i-1], s)
		}
	}
}

// blank reports whether an assignment only says that a result is not needed.
func blank(lhs []ast.Expr) bool {
	for _, e := range lhs {
		if id, ok := e.(*ast.Ident); !ok || id.Name != "_" {
			return false
		}
	}
	return true
}

// acts reports whether a statement is a call, or one whose error is looked at.
func acts(s ast.Stmt) bool {
	switch x := s.(type) {
	case *ast.ExprStmt:
		return true
	case *ast.IfStmt:
		return x.Init != nil
	}
	return false
}

// returned has a function return no error where it returns one. What it returns beside an error
// is left alone, since callers do not look at it. returned reports whether to look within.
func (w *walker) returned(n *ast.ReturnStmt) bool {
	if len(n.Results) == 0 {
		return true
	}
	last := n.Results[len(n.Results)-1]
	t := w.info.Types[last]
	failure := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	if t.Type == nil || t.IsNil() || !types.Implements(t.Type, failure) {
		return true
	}
	w.replace("error", last, "nil")
	if _, ok := last.(*ast.Ident); ok && !w.failures[n] {
		return true // the error may be nil
	}
	ast.Inspect(last, w.visit)
	return false
}

// noteFailure notes the return within `if err != nil`, where there is an error in any case.
func (w *walker) noteFailure(n *ast.IfStmt) {
	c, ok := n.Cond.(*ast.BinaryExpr)
	if !ok || c.Op != token.NEQ || !w.info.Types[c.Y].IsNil() || len(n.Body.List) == 0 {
		return
	}
	if r, ok := n.Body.List[len(n.Body.List)-1].(*ast.ReturnStmt); ok {
		w.failures[r] = true
	}
}

// call exchanges arguments, or takes away one side of a bound.
func (w *walker) call(n *ast.CallExpr) {
	if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) == 2 {
		b, ok := w.info.Uses[id].(*types.Builtin)
		if ok && (b.Name() == "min" || b.Name() == "max") {
			w.replace("bound", n, w.textOf(n.Args[0]))
			w.replace("bound", n, w.textOf(n.Args[1]))
			return
		}
	}
	w.neighbours(n.Args)
}

// neighbours exchanges expressions side by side that have one type, but for constants.
func (w *walker) neighbours(list []ast.Expr) {
	for i := 1; i < len(list); i++ {
		a, b := w.info.Types[list[i-1]], w.info.Types[list[i]]
		if a.Type == nil || b.Type == nil || a.Value != nil && b.Value != nil {
			continue
		}
		if types.Identical(a.Type, b.Type) {
			w.exchange("swap", list[i-1], list[i])
		}
	}
}
