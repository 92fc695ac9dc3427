package pickle

import (
	"fmt"
	"strings"
)

// Global is the name of a class, a function or a constant of a module, such as len. It is
// never looked up. Name may have dots.
type Global struct{ Module, Name string }

// Object is a value of an unknown class, kept as the way to make it again. Two places
// that hold one object hold the same pointer.
type Object struct {
	Made   Making
	Func   Value // what is called: a Global or an *Object
	Args   Tuple
	Kwargs *Dict  // for ByNewEx alone
	Steps  []Step // what is then done to it, in order
}

// Making is how an object is made, named after the instructions of pickles.
type Making byte

// The ways to make an object.
const (
	ByReduce Making = iota // Func(*Args)
	ByNew                  // Func.__new__(Func, *Args)
	ByNewEx                // Func.__new__(Func, *Args, **Kwargs)
	ByInst                 // Func(*Args), or without a call for classes of Python 2
)

// Step is one change to an object. No two steps in a row are of one kind, but for
// SetState.
type Step struct {
	Kind  StepKind
	Items []Value // keys and values in turn for SetItems, one value for SetState
}

// StepKind is what a step does.
type StepKind byte

// The kinds of steps.
const (
	AppendItems StepKind = iota
	SetItems
	AddItems
	SetState
)

// do adds a step, or adds its items to the last one.
func (o *Object) do(kind StepKind, items []Value) {
	if n := len(o.Steps); n > 0 && o.Steps[n-1].Kind == kind && kind != SetState {
		o.Steps[n-1].Items = append(o.Steps[n-1].Items, items...)
		return
	}
	o.Steps = append(o.Steps, Step{kind, append([]Value(nil), items...)})
}

// Class returns the name of what an object is made of, or an empty Global.
func (o *Object) Class() Global {
	g, _ := o.Func.(Global)
	return g
}

// String returns the full name, or "" if it does not look like a name: it may be shown.
func (g Global) String() string {
	name := g.Module + "." + g.Name
	if len(name) > 100 || strings.Trim(name, nameChars) != "" {
		return ""
	}
	return name
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"

// Refusal returns an [ErrObject] that names what an object is made of.
func Refusal(v Value) error {
	g, ok := v.(Global)
	if o, isObject := v.(*Object); isObject {
		g, ok = o.Class(), true
	}
	if name := g.String(); ok && len(name) > 1 {
		return fmt.Errorf("%w: %s", ErrObject, name)
	}
	return ErrObject
}

// maxName is the longest name of a module, or of a thing in one.
const maxName = 512

// pushGlobal pushes a Global under the name that it has in Python 3.
func (m *machine) pushGlobal(module, name string) error {
	if len(module) > maxName || len(name) > maxName {
		return fmt.Errorf("%w: a name of more than %d bytes", ErrTooLarge, maxName)
	}
	g := Global{module, name}
	if m.protocol < 4 && strings.Contains(name, ".") {
		return m.malformed("a name with a dot in a protocol before 4")
	}
	if m.protocol < 3 {
		if renamed, ok := names2[g]; ok {
			g = renamed
		} else if renamed, ok := modules2[module]; ok {
			g.Module = renamed
		}
	}
	return m.push(g)
}

// object executes an instruction that names a Global, or makes or changes an object.
func (m *machine) object(op byte) error {
	switch op {
	case opGlobal:
		g, err := m.lines()
		if err != nil {
			return err
		}
		return m.pushGlobal(g[0], g[1])
	case opStackGlobal:
		names, err := m.popN(2)
		if err != nil {
			return err
		}
		module, ok := names[0].(string)
		name, ok2 := names[1].(string)
		if !ok || !ok2 {
			return m.malformed("a name that is no str")
		}
		return m.pushGlobal(module, name)
	case opBuild:
		return m.build()
	case opInst, opObj:
		return m.instance(op)
	case opNewObjEx:
		operands, err := m.popN(3)
		if err != nil {
			return err
		}
		kwargs, ok := operands[2].(*Dict)
		if !ok {
			return m.malformed("arguments by name that are no dict")
		}
		return m.call(ByNewEx, operands[0], operands[1], kwargs)
	}
	operands, err := m.popN(2)
	if err != nil {
		return err
	}
	made := ByReduce
	if op == opNewObj {
		made = ByNew
	}
	return m.call(made, operands[0], operands[1], nil)
}

// lines returns the next two lines.
func (m *machine) lines() (texts [2]string, err error) {
	for i := range texts {
		line, err := m.line()
		if err != nil {
			return texts, err
		}
		if texts[i] = string(line); !ValidText(texts[i]) {
			return texts, m.malformed("a name that is not UTF-8")
		}
	}
	return texts, nil
}

// instance makes an object as Python 2 did.
func (m *machine) instance(op byte) error {
	if op == opInst {
		g, err := m.lines()
		if err != nil {
			return err
		}
		args, err := m.popMark()
		if err != nil {
			return err
		}
		t := append(Tuple{}, args...)
		if err := m.pushGlobal(g[0], g[1]); err != nil {
			return err
		}
		class, err := m.pop()
		if err != nil {
			return err
		}
		return m.call(ByInst, class, t, nil)
	}
	items, err := m.popMark()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return m.malformed("an instance of nothing")
	}
	return m.call(ByInst, items[0], append(Tuple{}, items[1:]...), nil)
}

// call pushes the plain value that a call makes, or else an object.
func (m *machine) call(made Making, class, arguments Value, kwargs *Dict) error {
	args, ok := arguments.(Tuple)
	if !ok {
		return m.malformed("arguments that are no tuple")
	}
	switch class := class.(type) {
	case Global:
		if made != ByReduce {
			break
		}
		v, ok, err := m.construct(class, args)
		if err != nil {
			return err
		}
		if ok {
			return m.push(v)
		}
	case *Object:
	default:
		return m.malformed("a call of what has no name")
	}
	return m.push(&Object{Made: made, Func: class, Args: args, Kwargs: kwargs})
}

// build sets the state of an object. A UUID becomes a plain value by it.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	top, err := m.top()
	if err != nil {
		return err
	}
	o, ok := top.(*Object)
	if !ok {
		return fmt.Errorf("%w (a state for what has none)", ErrObject)
	}
	unmade := isUnmadeUUID(o)
	o.do(SetState, []Value{state})
	if uuid, ok := uuidOf(state); ok && unmade {
		m.stack[len(m.stack)-1] = uuid
		if m.alias == nil {
			m.alias = map[*Object]Value{}
		}
		m.alias[o] = uuid
	}
	return nil
}

func isUnmadeUUID(o *Object) bool {
	uuid := Global{"uuid", "UUID"}
	switch {
	case len(o.Steps) > 0:
		return false
	case o.Made == ByNew:
		return o.Func == Value(uuid) && len(o.Args) == 0
	case o.Made != ByReduce || o.Class() != Global{"copyreg", "_reconstructor"} || len(o.Args) != 3:
		return false
	}
	base := Value(Global{"builtins", "object"})
	return o.Args[0] == Value(uuid) && o.Args[1] == base && o.Args[2] == nil
}

// uuidOf returns the UUID of a state that is a number and nothing else.
func uuidOf(state Value) (UUID, bool) {
	d, ok := state.(*Dict)
	if !ok || len(d.Keys) != 1 {
		return UUID{}, false
	}
	number, _ := d.Get("int")
	return NewUUID(number)
}

// NewUUID returns the UUID of a number, an int of 128 bits.
func NewUUID(number Value) (UUID, bool) {
	n, ok := toBig(number)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return UUID{}, false
	}
	var uuid UUID
	n.FillBytes(uuid[:])
	return uuid, true
}
