package mapping

import (
	"slices"
	"strings"
)

// covered asks that every field that the kind makes is written back, or lost by name.
func (p *parser) covered(k *Kind, r *Reverse) {
	if k.document == nil {
		return
	}
	var taken []string
	add := func(before string, values map[string]*taking) {
		for _, v := range values {
			taken = append(taken, before+v.pointer)
		}
	}
	add("", r.values)
	for _, s := range r.write {
		if s.each != "" {
			add(s.each+"/*", s.values)
		}
	}
	for pointer := range r.lost {
		taken = append(taken, pointer)
	}
	k.document.leaves("", func(pointer string, line int) {
		if !slices.ContainsFunc(taken, func(t string) bool { return within(t, pointer) || within(pointer, t) }) {
			p.add(line, "%s: %s is neither written back nor named in lost", k.Name, pointer)
		}
	})
}

// within says whether a pointer is the other one, or leads into it. An index counts as *.
func within(pointer, other string) bool {
	a, b := strings.Split(pointer, "/"), strings.Split(other, "/")
	if len(a) < len(b) {
		return false
	}
	for i := range b {
		if same := a[i] == b[i] || isIndex(a[i]) && b[i] == "*" || a[i] == "*" && isIndex(b[i]); !same {
			return false
		}
	}
	return true
}

func isIndex(part string) bool {
	return part != "" && strings.Trim(part, "0123456789") == ""
}

// leaves calls each with the fields that have none below them.
func (o *op) leaves(pointer string, each func(pointer string, line int)) {
	switch {
	case len(o.fields) > 0:
		for _, f := range o.fields {
			f.op.leaves(pointer+"/"+escape(f.name), each)
		}
	case o.each != nil:
		o.each.leaves(pointer+"/*", each)
	case len(o.values) == 1 && len(o.uses) == 0: // a constant comes back by itself
	default:
		each(pointer, o.line)
	}
}

// Kept gives a document without the fields that the rows have no place for: what is
// there again once it was written back.
func (r *Reverse) Kept(document []byte) ([]byte, error) {
	doc, err := decode(document)
	if err != nil {
		return nil, err
	}
	for pointer := range r.lost {
		prune(doc, strings.Split(pointer[1:], "/"))
	}
	return canonical(doc)
}

func prune(v any, path []string) {
	switch in := v.(type) {
	case map[string]any:
		name := unescapePointer.Replace(path[0])
		if len(path) == 1 {
			delete(in, name)
			return
		}
		prune(in[name], path[1:])
		if len(path) > 1 && in[name] != nil && empty(in[name]) {
			delete(in, name) // what has nothing left is not there either
		}
	case []any:
		if path[0] == "*" && len(path) > 1 {
			for _, e := range in {
				prune(e, path[1:])
			}
		}
	}
}
