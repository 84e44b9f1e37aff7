package mapping

import (
	"maps"
	"slices"

	celast "github.com/google/cel-go/common/ast"
)

// seen is what a part of an expression stands for: a row, the rows of a child, or
// the children of the root.
type seen struct {
	at       *child
	root     bool
	many     bool     // the rows of at, not one
	children bool     // of at
	each     bool     // what a macro calls each row
	path     []string // of lookups
}

// walker finds the columns that an expression reads: columns that it reads count as
// mapped, so none may be read in a way that is not seen here.
type walker struct {
	p    *parser
	line int
	at   *child
	uses []use

	further bool // a child or a lookup is read
	loops   bool // there is a macro

	kept bool // the macro that is walked puts rows themselves into its list
}

// walk gives what an expression stands for, nil for a mere value.
func (w *walker) walk(e celast.Expr, names map[string]*seen) *seen {
	switch e.Kind() {
	case celast.IdentKind:
		return names[e.AsIdent()]
	case celast.SelectKind:
		s := e.AsSelect()
		return w.member(w.walk(s.Operand(), names), s.FieldName())
	case celast.CallKind:
		return w.call(e.AsCall(), names)
	case celast.ListKind:
		if elements := e.AsList().Elements(); len(elements) == 1 && elements[0].Kind() == celast.IdentKind {
			if s := names[elements[0].AsIdent()]; s != nil && s.each {
				w.kept = true // by filter
				return nil
			}
		}
		for _, one := range e.AsList().Elements() {
			w.value(one, names)
		}
	case celast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.value(entry.AsMapEntry().Key(), names)
			w.value(entry.AsMapEntry().Value(), names)
		}
	case celast.ComprehensionKind:
		return w.comprehension(e.AsComprehension(), names)
	default: // literals read nothing
	}
	return nil
}

// value walks a part that must not be a whole row: which of its columns are read
// could not be told.
func (w *walker) value(e celast.Expr, names map[string]*seen) {
	if w.walk(e, names) != nil {
		w.whole()
	}
}

func (w *walker) whole() {
	w.p.add(w.line, "cel: a row is used as a whole; read its columns by name")
}

func (w *walker) member(s *seen, name string) *seen {
	if s == nil {
		return nil
	}
	if s.many {
		w.p.add(w.line, "cel: %s: %s has many rows", name, s.at.name)
		return nil
	}
	if c := s.at.find(name); c != nil {
		w.further = true
		next := &seen{at: c, root: s.root, many: !c.one, path: slices.Clone(s.path)}
		if c.one {
			next.path = append(next.path, name)
		}
		return next
	}
	if s.children {
		w.p.add(w.line, "cel: there is no child %s of the root", name)
		return nil
	}
	s.at.read(name, w.line)
	w.uses = append(w.uses, use{at: s.at, root: s.root, path: s.path, column: name, line: w.line, as: asAny})
	return nil
}

func (w *walker) call(c celast.CallExpr, names map[string]*seen) *seen {
	args := c.Args()
	if c.FunctionName() == "_[_]" && len(args) == 2 {
		s := w.walk(args[0], names)
		switch {
		case s == nil:
			w.value(args[1], names)
			return nil
		case s.many:
			w.value(args[1], names)
			return &seen{at: s.at, root: s.root, path: s.path}
		case args[1].Kind() == celast.LiteralKind:
			if name, ok := args[1].AsLiteral().Value().(string); ok {
				return w.member(s, name)
			}
		}
		w.p.add(w.line, "cel: the name of a column must be a literal text")
		return nil
	}
	if slices.Contains([]string{"_==_", "_!=_"}, c.FunctionName()) && slices.ContainsFunc(args, isNull) {
		for _, one := range args {
			w.walk(one, names) // whether a lookup found a row
		}
		return nil
	}
	if c.IsMemberFunction() {
		args = append([]celast.Expr{c.Target()}, args...)
	}
	for _, one := range args {
		if s := w.walk(one, names); s != nil && (!s.many || c.FunctionName() != "size") {
			w.whole()
		}
	}
	return nil
}

func isNull(e celast.Expr) bool {
	return e.Kind() == celast.LiteralKind && e.AsLiteral().Type().TypeName() == "null_type"
}

// comprehension walks a macro: map, filter, exists, all. What filter gives are rows
// again.
func (w *walker) comprehension(c celast.ComprehensionExpr, names map[string]*seen) *seen {
	w.loops = true
	inner := maps.Clone(names)
	delete(inner, c.IterVar())
	delete(inner, c.AccuVar())
	over := w.walk(c.IterRange(), names)
	switch {
	case over == nil:
	case over.many:
		inner[c.IterVar()] = &seen{at: over.at, root: over.root, path: over.path, each: true}
	default:
		w.whole()
	}
	w.value(c.AccuInit(), names)
	outer := w.kept
	w.kept = false
	w.value(c.LoopCondition(), inner)
	w.value(c.LoopStep(), inner)
	w.value(c.Result(), inner)
	kept := w.kept
	w.kept = outer
	if kept && over != nil && over.many {
		return &seen{at: over.at, root: over.root, path: over.path, many: true}
	}
	return nil
}
