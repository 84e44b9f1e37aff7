package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// op makes one value of a document.
type op struct {
	line   int
	eval   func(*scope) (any, error) // nil: the value is left out
	uses   []use
	fields []*field // of an object
	items  []*op    // of a list with a place for each
	each   *op      // of a list with one for each row of a child
	values []any    // all that it can give, where that is known
	free   bool     // an object whose names are not known
}

// field is a named value of an object.
type field struct {
	name string
	op   *op
}

// FieldError says why a field of a document cannot be made. It quotes no value of
// the row.
type FieldError struct {
	Field  string // JSON pointer into the document: "/lines/0/quantity"
	Column string // "order_details.quantity"; "": of no one column
	Reason string
}

// FieldErrors are all fields of a document that cannot be made.
type FieldErrors []FieldError

// Error has one clause for each field.
func (e FieldErrors) Error() string {
	parts := make([]string, len(e))
	for i, one := range e {
		parts[i] = one.Field
		if one.Column != "" {
			parts[i] += " (from " + one.Column + ")"
		}
		parts[i] += ": " + one.Reason
	}
	return strings.Join(parts, "; ")
}

// bad says what is wrong with the column's value.
func (u use) bad(format string, args ...any) error {
	return FieldErrors{{Column: u.name(), Reason: fmt.Sprintf(format, args...)}}
}

// below puts the errors of a part of a document under its place.
func below(at string, err error) FieldErrors {
	var inner FieldErrors
	if !errors.As(err, &inner) {
		return FieldErrors{{Field: "/" + at, Reason: err.Error()}}
	}
	out := slices.Clone(inner)
	for i := range out {
		out[i].Field = "/" + at + out[i].Field
	}
	return out
}

// operation reads what an operation says of itself.
type operation func(p *parser, at *child, n *yaml.Node) *op

var operations map[string]operation

func init() {
	operations = map[string]operation{
		"column": (*parser).columnOp, "const": (*parser).constOp, "enum": (*parser).enumOp,
		"template": (*parser).templateOp, "id": (*parser).idOp, "money": (*parser).moneyOp,
		"time": (*parser).timeOp, "split": (*parser).splitOp, "join": (*parser).joinOp,
		"slug": (*parser).slugOp, "password": (*parser).passwordOp, "object": (*parser).fieldsOf,
		"list": (*parser).listOp, "embed": (*parser).embedOp, "coalesce": (*parser).coalesceOp, "pairs": (*parser).pairsOp, "cel": (*parser).celOp,
	}
}

// fieldsOf reads the fields of an object.
func (p *parser) fieldsOf(at *child, n *yaml.Node) *op {
	out := &op{line: n.Line}
	o, ok := p.object(n, "fields")
	if !ok {
		return out
	}
	for _, name := range o.names {
		if f := p.value(at, o.at[name], name); f != nil {
			out.fields = append(out.fields, &field{name: name, op: f})
			out.uses = append(out.uses, f.uses...)
		}
	}
	places := out.places()
	out.eval = func(s *scope) (any, error) {
		doc := make(members, len(out.fields))
		var bad FieldErrors
		for i, f := range out.fields {
			v, err := f.op.eval(s)
			if err != nil {
				bad = append(bad, below(escape(f.name), err)...)
			}
			doc[places[i]] = member{f.name, v}
		}
		if len(bad) > 0 {
			return nil, bad
		}
		return slices.DeleteFunc(doc, func(m member) bool { return m.value == nil }), nil
	}
	return out
}

// places says where each field stands in the order of the names.
func (o *op) places() []int {
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.name
	}
	slices.Sort(names)
	at := make([]int, len(o.fields))
	for i, f := range o.fields {
		at[i], _ = slices.BinarySearch(names, f.name)
	}
	return at
}

// escape writes a name as a part of a JSON pointer.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// value reads one operation with what modifies it. A text alone is a column.
func (p *parser) value(at *child, n *yaml.Node, name string) *op {
	n = plain(n)
	if n.Kind == yaml.ScalarNode {
		made := p.columnOp(at, n)
		p.modify(at, &object{p: p, node: n, taken: map[string]bool{}}, made)
		return made
	}
	o, ok := p.object(n, name)
	if !ok {
		return nil
	}
	var made *op
	for _, key := range o.names {
		read, known := operations[key]
		if !known {
			continue
		}
		if made != nil {
			p.add(o.lines[key], "%s: has two operations; the second is %s", name, key)
		}
		made = read(p, at, o.take(key))
	}
	if made == nil {
		p.add(n.Line, "%s: has no operation; there are %s", name, strings.Join(slices.Sorted(maps.Keys(operations)), ", "))
		return nil
	}
	made.line = n.Line
	p.modify(at, o, made)
	o.done(name)
	return made
}

// modify reads what may stand beside any operation, in the order of its effect.
func (p *parser) modify(at *child, o *object, made *op) {
	base := made.eval
	as := o.oneOf("as", "", "string", "int", "bool", "json")
	trim, lower, omit := o.flag("trim"), o.flag("lower"), o.flag("omit_empty")
	var otherwise any
	if d := o.take("default"); d != nil {
		otherwise = p.constant(d)
		if made.values != nil {
			made.values = append(made.values, otherwise)
		}
	}
	var when *expression
	if w := o.take("when"); w != nil {
		when = p.expression(at, w)
		made.uses = append(made.uses, when.uses...)
	}
	if as != "" {
		for i := range made.uses {
			if made.uses[i].as == asIs {
				made.uses[i].as = castTo[as]
			}
		}
	}
	made.eval = func(s *scope) (any, error) {
		if when != nil {
			if yes, err := when.holds(s); err != nil || !yes {
				return nil, err
			}
		}
		v, err := base(s)
		if err != nil {
			return nil, err
		}
		if v != nil && as != "" {
			if v, err = cast(v, as); err != nil {
				return nil, made.blame(err)
			}
		}
		if text, ok := v.(string); ok {
			if trim {
				text = strings.TrimSpace(text)
			}
			if lower {
				text = strings.ToLower(text)
			}
			v = text
		}
		if omit && empty(v) {
			v = nil
		}
		if v == nil && otherwise != nil {
			return otherwise, nil
		}
		if v == nil {
			return nil, nil
		}
		if !isJSON(v) {
			return nil, made.blame(errors.New("has a value that needs an operation of its own: time, money, or as"))
		}
		return v, nil
	}
}

// blame names the column that an error is about, where there is only one.
func (o *op) blame(err error) error {
	if len(o.uses) > 0 {
		return o.uses[0].bad("%s", err.Error())
	}
	return err
}

// empty says whether omit_empty leaves a value out.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case int64:
		return v == 0
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case members:
		return len(v) == 0
	}
	return false
}

// isJSON says whether a value has a place in a document.
func isJSON(v any) bool {
	switch v := v.(type) {
	case string, int64, bool, members, minor: // what members have was asked before
		return true
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool { return !isJSON(one) })
	case map[string]any:
		for _, one := range v {
			if !isJSON(one) {
				return false
			}
		}
		return true
	}
	return false
}

// column reads where a column is: "name", "lookup.name", "root.name".
func (p *parser) column(at *child, n *yaml.Node, as taken) use {
	text := p.text(n, "column")
	u := use{at: at, column: text, line: n.Line, as: as}
	parts := strings.Split(text, ".")
	for len(parts) > 1 {
		name := parts[0]
		if name == "root" && len(u.path) == 0 && !u.root {
			u.root, u.at = true, p.kind.root
		} else if c := u.at.find(name); c == nil {
			p.add(n.Line, "%s: there is no lookup %s", text, name)
			return u
		} else if !c.one {
			p.add(n.Line, "%s: %s has many rows: only embed and cel can read them", text, name)
			return u
		} else {
			u.at, u.path = c, append(u.path, name)
		}
		parts = parts[1:]
	}
	u.column = parts[0]
	if u.column != "" {
		u.at.read(u.column, n.Line)
	}
	return u
}

func (p *parser) columnList(at *child, n *yaml.Node, what string, as taken) []use {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []use{p.column(at, n, as)}
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.add(n.Line, "%s: must be a list of columns", what)
		return nil
	}
	var out []use
	for _, one := range n.Content {
		out = append(out, p.column(at, plain(one), as))
	}
	return out
}

func place(i int) string { return strconv.Itoa(i) }
