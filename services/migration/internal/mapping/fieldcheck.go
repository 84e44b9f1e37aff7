package mapping

import (
	"encoding/json"
	"strings"
)

// fields holds the names, the constants and the values of enums to the owner's
// contract, with documents that have nothing else in them.
func (c *checker) fields(k *Kind, contracts Contracts) {
	schema, err := contracts(k.Kind)
	if err != nil {
		c.add(k.line, "%s: its contract cannot be read: %s", k.Name, err)
		return
	}
	k.schema = schema
	skeleton := k.document.skeleton(nil, 0)
	for _, bad := range check(schema, skeleton) {
		line, known := k.document.lineAt(bad.Name)
		switch bad.Reason {
		case "is required":
			if !k.document.freeAt(bad.Name) {
				c.add(line, "%s: %s is required by the contract of %s, and not mapped", k.Name, bad.Name, k.Kind)
			}
		case "is not a known field":
			if known {
				c.add(line, "%s: the contract of %s has no field %s", k.Name, k.Kind, bad.Name)
			}
		}
	}
	for _, o := range k.document.withValues() {
		for i := range o.values {
			c.values(k, schema, o, i)
		}
	}
}

// values holds one of the values that an operation can give to the contract.
func (c *checker) values(k *Kind, schema Schema, o *op, i int) {
	place := k.document.pointerTo(o)
	for _, bad := range check(schema, k.document.skeleton(o, i)) {
		if bad.Name == place || strings.HasPrefix(bad.Name, place+"/") {
			c.add(o.line, "%s: %v is no value of %s: %s", k.Name, o.values[i], bad.Name, bad.Reason)
		}
	}
}

type badField struct{ Name, Reason string }

func check(schema Schema, doc any) (out []badField) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return []badField{{Reason: err.Error()}}
	}
	for _, f := range schema.Check(raw) {
		out = append(out, badField{f.Name, f.Reason})
	}
	return out
}

// skeleton makes a document of the names, or, with an operation, one of its value alone
// in its place: what a contract asks of two fields together is for the rows to show.
func (o *op) skeleton(with *op, i int) any {
	switch {
	case o == with:
		return o.values[i]
	case len(o.fields) > 0:
		doc := map[string]any{}
		for _, f := range o.fields {
			if _, on := f.op.find(with); on || with == nil {
				doc[f.name] = f.op.skeleton(with, i)
			}
		}
		return doc
	case len(o.items) > 0:
		doc := []any{}
		for _, item := range o.items {
			doc = append(doc, item.skeleton(with, i))
		}
		return doc
	case o.each != nil:
		return []any{o.each.skeleton(with, i)}
	case len(o.values) > 0:
		return o.values[0]
	}
	return nil // known only once there is a row
}

// withValues gives the operations whose values are known.
func (o *op) withValues() []*op {
	var out []*op
	for _, one := range o.parts() {
		out = append(out, one.withValues()...)
	}
	if len(o.values) > 0 {
		out = append(out, o)
	}
	return out
}

func (o *op) parts() []*op {
	var out []*op
	for _, f := range o.fields {
		out = append(out, f.op)
	}
	out = append(out, o.items...)
	if o.each != nil {
		out = append(out, o.each)
	}
	return out
}

// pointerTo gives the place of an operation's value in the skeleton.
func (o *op) pointerTo(to *op) string {
	if at, ok := o.find(to); ok {
		return at
	}
	return ""
}

func (o *op) find(to *op) (string, bool) {
	if o == to {
		return "", true
	}
	for _, f := range o.fields {
		if at, ok := f.op.find(to); ok {
			return "/" + escape(f.name) + at, true
		}
	}
	for i, item := range o.items {
		if at, ok := item.find(to); ok {
			return "/" + place(i) + at, true
		}
	}
	if o.each != nil {
		if at, ok := o.each.find(to); ok {
			return "/0" + at, true
		}
	}
	return "", false
}

// lineAt gives the line of the innermost operation on the way to a field, and
// whether the field itself is mapped.
func (o *op) lineAt(pointer string) (int, bool) {
	at, line := o, o.line
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next := at.step(part)
		if next == nil {
			return line, false
		}
		at = next
		if at.line > 0 {
			line = at.line
		}
	}
	return line, true
}

// freeAt says whether a field lies in a value whose names only a row tells.
func (o *op) freeAt(pointer string) bool {
	at := o
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next := at.step(part)
		if next == nil {
			return at.free
		}
		at = next
	}
	return at.free
}
