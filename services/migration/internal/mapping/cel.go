package mapping

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"gopkg.in/yaml.v3"
)

// costLimit ends an expression that would not end by itself in any time to speak
// of, in CEL's units: about one for each step.
const costLimit = 1_000_000

// expression is a CEL expression over a row.
type expression struct {
	program cel.Program
	uses    []use
	bare    bool // it reads nothing but columns of its row: no children, no lookups
}

// expression compiles a text and finds the columns that it reads.
func (p *parser) expression(at *child, n *yaml.Node) *expression {
	out := &expression{}
	src := p.text(n, "cel")
	if src == "" {
		return out
	}
	env, err := celEnv()
	if err != nil {
		p.add(n.Line, "cel: %s", err)
		return out
	}
	ast, issues := env.Compile(src)
	if issues.Err() != nil {
		for _, one := range issues.Errors() {
			p.add(n.Line, "cel: %s", one.Message)
		}
		return out
	}
	w := &walker{p: p, line: n.Line, at: at}
	w.value(ast.NativeRep().Expr(), map[string]*seen{
		"row": {at: at}, "root": {at: p.kind.root, root: true}, "children": {at: p.kind.root, root: true, children: true},
	})
	out.uses, out.bare = w.uses, !w.further
	var limits []cel.ProgramOption
	if w.loops { // without a loop no step is done twice
		limits = append(limits, cel.CostLimit(costLimit))
	}
	if out.program, err = env.Program(ast, limits...); err != nil {
		p.add(n.Line, "cel: %s", err)
	}
	return out
}

// celOp makes what an expression gives.
func (p *parser) celOp(at *child, n *yaml.Node) *op {
	e := p.expression(at, n)
	return &op{uses: e.uses, line: n.Line, free: true, eval: e.value}
}

func (e *expression) value(s *scope) (any, error) {
	v, err := e.run(s)
	if err != nil {
		return nil, err
	}
	return native(v)
}

// holds says whether a condition is true.
func (e *expression) holds(s *scope) (bool, error) {
	v, err := e.run(s)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, errors.New("when: the expression gives neither true nor false")
	}
	return bool(b), nil
}

func (e *expression) run(s *scope) (ref.Val, error) {
	v, _, err := e.program.Eval(&names{scope: s, bare: e.bare})
	if err != nil {
		return nil, errors.New("the expression has no value: " + quiet(err))
	}
	return v, nil
}

// names are what an expression can name. They are made when they are asked for.
type names struct {
	scope *scope
	bare  bool
}

// ResolveName implements cel.Activation.
func (n *names) ResolveName(name string) (any, bool) {
	switch name {
	case "row":
		return n.scope.named(n.bare), true
	case "root":
		return n.scope.root.named(n.bare), true
	case "children":
		return n.scope.root.childValues(), true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (*names) Parent() cel.Activation { return nil }

// named gives the row for an expression, without its children if it reads none of any row.
func (s *scope) named(bare bool) map[string]any {
	if bare {
		return s.row
	}
	return s.values()
}

// quiet says what went wrong in an expression without the values it had.
func quiet(err error) string {
	for _, known := range []string{"no such key", "no such overload", "division by zero", "index out of bounds", "no matching overload",
		"integer overflow", "cost limit exceeded", "is not a decimal number"} {
		if strings.Contains(err.Error(), known) {
			return known
		}
	}
	return "an operand is not what it is taken for"
}

// values gives the row for an expression: its columns, and its children by name. A
// lookup is a row, or null.
func (s *scope) values() map[string]any {
	if s.cel != nil {
		return s.cel
	}
	s.cel = map[string]any{}
	for name, v := range s.row {
		s.cel[name] = v
	}
	for name, v := range s.childValues() {
		s.cel[name] = v
	}
	return s.cel
}

func (s *scope) childValues() map[string]any {
	out := map[string]any{}
	for _, c := range s.kinds {
		rows := []any{}
		for _, one := range s.children[c.name] {
			rows = append(rows, one.values())
		}
		switch {
		case !c.one:
			out[c.name] = rows
		case len(rows) > 0:
			out[c.name] = rows[0]
		default:
			out[c.name] = nil
		}
	}
	return out
}

// native turns what CEL gives into a value of a document.
func native(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.String:
		return string(v), nil
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339Nano), nil
	case types.Double:
		return nil, errors.New("the expression gives a double, which has no exact place in a document: use int() or the decimal functions")
	case traits.Mapper:
		return nativeMap(v)
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			one, err := native(it.Next())
			if err != nil {
				return nil, err
			}
			if one != nil {
				out = append(out, one)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("the expression gives a %s, which has no place in a document", v.Type().TypeName())
}

func nativeMap(v traits.Mapper) (any, error) {
	out := map[string]any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return nil, errors.New("the expression gives a map whose keys are no texts")
		}
		one, err := native(v.Get(key))
		if err != nil {
			return nil, err
		}
		if one != nil {
			out[string(name)] = one
		}
	}
	return out, nil
}
