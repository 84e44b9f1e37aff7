package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tienda/services/migration/internal/source"
)

// plan is a Query checked against the catalog, with what each of its tables has to give.
type plan struct {
	query    source.Query
	root     node
	children []node // a parent before its children
}

// node is the root or a Child.
type node struct {
	source.Child        // of the root: the Name "", and its Table
	of           *table // the table
	read         []string
	wanted       int // of read: so many, from the first, are for the Row; the others link
}

// plan checks a query. A table, a column or a parent that is not there is an error.
func (c catalog) plan(q source.Query) (*plan, error) {
	p := &plan{query: q}
	fail := func(err error) (*plan, error) { return nil, fmt.Errorf("documents of %s: %w", q.Table, err) }
	root, err := c.table(q.Table)
	if err != nil {
		return fail(err)
	}
	if len(q.Key) == 0 {
		return fail(errors.New("they have no key"))
	}
	p.root = node{Child: source.Child{Table: q.Table, Columns: q.Columns}, of: root, read: union(q.Columns, q.Key)}
	p.root.wanted = len(p.root.read)
	for _, k := range q.Children {
		t, err := c.table(k.Table)
		if err != nil {
			return fail(err)
		}
		if k.Name == "" || p.node(k.Name) != nil {
			return fail(fmt.Errorf("two children are called %q", k.Name))
		}
		parent := p.node(k.Of)
		if parent == nil {
			return fail(fmt.Errorf("%s is of %s, which does not stand before it", k.Name, k.Of))
		}
		if len(k.On) == 0 {
			return fail(fmt.Errorf("nothing links %s to its parent", k.Name))
		}
		child := node{Child: k, of: t, read: union(k.Columns)}
		child.wanted = len(child.read)
		for _, on := range k.On {
			parent.read = union(parent.read, []string{on.Parent})
			if err := t.has(on.Child); err != nil {
				return fail(err)
			}
		}
		if err := t.has(k.OrderBy...); err != nil {
			return fail(err)
		}
		p.children = append(p.children, child)
	}
	for _, n := range append([]node{p.root}, p.children...) {
		if err := n.of.has(n.read...); err != nil {
			return fail(err)
		}
	}
	return p, nil
}

// node finds a child by name; "" is the root.
func (p *plan) node(name string) *node {
	if name == "" {
		return &p.root
	}
	for n := range p.children {
		if p.children[n].Name == name {
			return &p.children[n]
		}
	}
	return nil
}

// tables are the names of all tables that are read, quoted.
func (p *plan) tables() [][]byte {
	names := []string{p.root.of.name}
	for _, c := range p.children {
		names = append(names, c.of.name)
	}
	slices.Sort(names)
	var all [][]byte
	for _, n := range slices.Compact(names) {
		all = append(all, []byte(n))
	}
	return all
}

// from is the roots' table without those that the query leaves out, under the name r.
func (p *plan) from() string {
	if strings.TrimSpace(p.query.Where) == "" {
		return p.root.of.name + " r"
	}
	return fmt.Sprintf("(SELECT * FROM %s WHERE (%s\n)) r", p.root.of.name, p.query.Where) // it may end with a comment
}

// key compares the key of r with parameters, the first of which is $first. Both are rows of
// the columns' own types, so that the order is that of ORDER BY, and an index has it.
func (p *plan) key(operator string, first int) string {
	params := make([]string, len(p.query.Key))
	for n, k := range p.query.Key {
		params[n] = fmt.Sprintf("$%d::%s", first+n, p.root.of.cast[k])
	}
	return fmt.Sprintf("(%s) %s (%s)", list("r", p.query.Key), operator, strings.Join(params, ", "))
}

// given is a set of rows of values, numbered from 1 as "ord", whose columns k1, k2, ...
// have the types: a parameter for each column is an array of texts.
func given(types []string) string {
	var out, arrays, names []string
	for n, t := range types {
		out = append(out, fmt.Sprintf("u.a%d::%s AS k%d", n+1, t, n+1))
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", n+1))
		names = append(names, fmt.Sprintf("a%d", n+1))
	}
	return fmt.Sprintf("(SELECT u.ord, %s FROM unnest(%s) WITH ORDINALITY AS u(%s, ord)) p",
		strings.Join(out, ", "), strings.Join(arrays, ", "), strings.Join(names, ", "))
}

// order puts rows of a child, under the name c, into an order that is the same every time.
func (n *node) order() string {
	by := slices.Clone(n.OrderBy)
	if n.of.Key != nil {
		return ", " + list("c", union(by, n.of.Key))
	}
	out := ""
	if len(by) > 0 {
		out = ", " + list("c", by)
	}
	for _, c := range n.read {
		out += ", c." + quote(c) + `::text COLLATE "C"`
	}
	return out
}

func union(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		for _, c := range l {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}
