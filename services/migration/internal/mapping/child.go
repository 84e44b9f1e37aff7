package mapping

import (
	"maps"
	"slices"

	"tienda/services/migration/internal/source"
)

// child is a table in a kind: the root's, or one whose rows are read with it.
type child struct {
	name     string // "": the root
	table    string
	line     int
	on       []source.On
	of       *child // nil: the root itself
	orderBy  []string
	one      bool // a lookup
	unique   bool // a lookup by columns that are unique, though they are not the key
	distinct bool
	columns  map[string]int // that are read, with the line that first does
	children []*child
}

func (c *child) read(column string, line int) {
	if _, ok := c.columns[column]; !ok {
		c.columns[column] = line
	}
}

func (c *child) columnNames() []string { return slices.Sorted(maps.Keys(c.columns)) }

func (c *child) query() source.Child {
	q := source.Child{
		Name: c.name, Table: c.table, Columns: c.columnNames(), On: slices.Clone(c.on),
		OrderBy: slices.Clone(c.orderBy), Distinct: c.distinct,
	}
	if c.of.of != nil {
		q.Of = c.of.name
	}
	return q
}

// find gives the child of a name that belongs to c directly.
func (c *child) find(name string) *child {
	for _, one := range c.children {
		if one.name == name {
			return one
		}
	}
	return nil
}

// scope is a row with what belongs to it: what an operation sees.
type scope struct {
	row      source.Row
	root     *scope
	children map[string][]*scope
	kinds    []*child       // that there can be among children
	cel      map[string]any // made when first asked for
}

// scopes gives the root of a record.
func (k *Kind) scopes(rec source.Record) *scope {
	root := &scope{row: rec.Row, children: map[string][]*scope{}, kinds: k.root.children}
	root.root = root
	flat := map[string][]*scope{}
	for _, c := range k.children {
		if c.of.of == nil {
			for _, row := range rec.Children[c.name] {
				s := newScope(c, row, root)
				root.children[c.name] = append(root.children[c.name], s)
				flat[c.name] = append(flat[c.name], s)
			}
			continue
		}
		parents := flat[c.of.name]
		for _, nested := range rec.Nested[c.name] {
			s := newScope(c, nested.Row, root)
			flat[c.name] = append(flat[c.name], s)
			if nested.Parent >= 0 && nested.Parent < len(parents) {
				p := parents[nested.Parent]
				p.children[c.name] = append(p.children[c.name], s)
			}
		}
	}
	return root
}

func newScope(c *child, row source.Row, root *scope) *scope {
	s := &scope{row: row, root: root, kinds: c.children}
	if len(c.children) > 0 {
		s.children = map[string][]*scope{}
	}
	return s
}

// use is a column that an operation reads, and what it takes it for.
type use struct {
	at     *child
	root   bool     // of the root, from within a child
	path   []string // lookups on the way
	column string
	line   int
	as     taken
	zone   bool // a time: a zone is given
	salt   bool // of a password
}

// name is the column as an error tells it: "customers.email".
func (u use) name() string { return u.at.table + "." + u.column }

// value gives the column's value, nil also where a lookup finds no row.
func (u use) value(s *scope) (any, error) {
	if u.root {
		s = s.root
	}
	for _, name := range u.path {
		rows := s.children[name]
		switch len(rows) {
		case 0:
			return nil, nil
		case 1:
			s = rows[0]
		default:
			return nil, u.bad("the lookup %s finds more than one row", name)
		}
	}
	v, ok := s.row[u.column]
	if !ok {
		return nil, u.bad("the row has no such column")
	}
	return v, nil
}
