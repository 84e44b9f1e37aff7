package mapping

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// listOp makes a list with one place for each operation; what gives nothing has
// none.
func (p *parser) listOp(at *child, n *yaml.Node) *op {
	out := &op{line: n.Line}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.add(n.Line, "list: must be a list of operations")
		return out
	}
	for _, one := range n.Content {
		if item := p.value(at, one, "list"); item != nil {
			out.items = append(out.items, item)
			out.uses = append(out.uses, item.uses...)
		}
	}
	out.eval = func(s *scope) (any, error) {
		made := []any{}
		var bad FieldErrors
		for i, item := range out.items {
			v, err := item.eval(s)
			if err != nil {
				bad = append(bad, below(place(i), err)...)
			} else if v != nil {
				made = append(made, v)
			}
		}
		if len(bad) > 0 {
			return nil, bad
		}
		return made, nil
	}
	return out
}

// childOf finds the child with many rows that an operation names.
func (p *parser) childOf(at *child, o *object, what string) *child {
	name := o.needText("child", what)
	if name == "" {
		return nil
	}
	c := at.find(name)
	if c == nil {
		p.add(o.lines["child"], "%s: there is no child %s here", what, name)
		return nil
	}
	if c.one {
		p.add(o.lines["child"], "%s: %s is a lookup, of one row: read its columns as %s.column", what, name, name)
		return nil
	}
	return c
}

// embedOp makes a list with one value for each row of a child, in its order.
func (p *parser) embedOp(at *child, n *yaml.Node) *op {
	out := &op{line: n.Line}
	o, ok := p.object(n, "embed")
	if !ok {
		return out
	}
	c := p.childOf(at, o, "embed")
	fields, value, top := o.take("fields"), o.take("value"), o.take("top")
	o.done("embed")
	if (fields == nil) == (value == nil) {
		p.add(n.Line, "embed: has either fields, for a list of objects, or value, for a list of values")
		return out
	}
	if c == nil {
		return out
	}
	if fields != nil {
		out.each = p.fieldsOf(c, fields)
	} else if out.each = p.value(c, value, "value"); out.each == nil {
		return out
	}
	out.uses = slices.Clone(out.each.uses)
	var first *use
	if top != nil {
		u := p.column(c, top, asBool)
		out.uses, first = append(out.uses, u), &u
	}
	out.eval = func(s *scope) (any, error) {
		made := []any{}
		var bad FieldErrors
		rows := s.children[c.name]
		if first != nil {
			var err error
			if rows, err = topFirst(rows, *first); err != nil {
				return nil, err
			}
		}
		for i, row := range rows {
			v, err := out.each.eval(row)
			if err != nil {
				bad = append(bad, below(place(i), err)...)
			} else if v != nil {
				made = append(made, v)
			}
		}
		if len(bad) > 0 {
			return nil, bad
		}
		return made, nil
	}
	return out
}

// topFirst puts the rows whose column is true before the others; else the order
// stays.
func topFirst(rows []*scope, u use) ([]*scope, error) {
	var first, rest []*scope
	for _, row := range rows {
		v, err := u.value(row)
		if err != nil {
			return nil, err
		}
		if v != nil {
			if v, err = truth(v); err != nil {
				return nil, u.bad("%s", err)
			}
		}
		if v == true {
			first = append(first, row)
		} else {
			rest = append(rest, row)
		}
	}
	return append(first, rest...), nil
}

// coalesceOp gives the first value that is there and not empty.
func (p *parser) coalesceOp(at *child, n *yaml.Node) *op {
	out := &op{line: n.Line, free: true}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.add(n.Line, "coalesce: must be a list of operations")
		return out
	}
	var choices []*op
	for _, one := range n.Content {
		if choice := p.value(at, one, "coalesce"); choice != nil {
			choices = append(choices, choice)
			out.uses = append(out.uses, choice.uses...)
		}
	}
	out.eval = func(s *scope) (any, error) {
		for _, choice := range choices {
			v, err := choice.eval(s)
			if err != nil {
				return nil, err
			}
			if !empty(v) {
				return v, nil
			}
		}
		return nil, nil
	}
	return out
}

// pairsOp makes an object whose names come from the rows of a child.
func (p *parser) pairsOp(at *child, n *yaml.Node) *op {
	out := &op{line: n.Line, free: true}
	o, ok := p.object(n, "pairs")
	if !ok {
		return out
	}
	c := p.childOf(at, o, "pairs")
	nameNode, valueNode := o.take("name"), o.take("value")
	o.done("pairs")
	if nameNode == nil || valueNode == nil {
		p.add(n.Line, "pairs: name or value is missing")
		return out
	}
	if c == nil {
		return out
	}
	name, value := p.value(c, nameNode, "name"), p.value(c, valueNode, "value")
	if name == nil || value == nil {
		return out
	}
	out.uses = append(append(out.uses, name.uses...), value.uses...)
	out.eval = func(s *scope) (any, error) {
		made := map[string]any{}
		for _, row := range s.children[c.name] {
			k, err := name.eval(row)
			if err != nil {
				return nil, err
			}
			v, err := value.eval(row)
			if err != nil {
				return nil, err
			}
			if k == nil || v == nil {
				continue
			}
			t, err := text(k)
			if err != nil {
				return nil, name.blame(err)
			}
			if _, twice := made[t]; twice {
				return nil, name.blame(errTwice)
			}
			made[t] = v
		}
		return made, nil
	}
	return out
}
