package mapping

import (
	"reflect"
	"slices"

	"tienda/services/migration/internal/source"
)

// Affected is what a change does to the documents of a kind.
type Affected struct {
	Keys [][]any // the roots to be read anew; what is no longer there is deleted
	Ask  []Ask   // roots that only the source can find
	All  bool    // a table was emptied: every root is to be looked at
}

// Ask is a question for source.Source's Roots.
type Ask struct {
	Child string
	Rows  []source.Row
}

// Any says whether there is anything to do.
func (a Affected) Any() bool { return a.All || len(a.Keys) > 0 || len(a.Ask) > 0 }

// Affected says which roots a changed row belongs to, before and after the change.
func (k *Kind) Affected(change source.Change) Affected {
	var a Affected
	rows := make([]source.Row, 0, 2)
	for _, row := range []source.Row{change.Old, change.New} {
		if row != nil {
			rows = append(rows, row)
		}
	}
	if change.Table == k.root.table {
		a.All = change.Truncate
		for _, row := range rows {
			a.add(values(row, k.key))
		}
	}
	for _, c := range k.children {
		if c.table != change.Table {
			continue
		}
		a.All = a.All || change.Truncate
		ask := Ask{Child: c.name}
		columns := c.keyColumns(k)
		for _, row := range rows {
			if key := values(row, columns); key != nil {
				a.add(key)
			} else if c.linked(row) {
				ask.Rows = append(ask.Rows, row)
			}
		}
		if len(ask.Rows) > 0 {
			a.Ask = append(a.Ask, ask)
		}
	}
	return a
}

// linked says whether a row tells its parent. One whose link is null has none. An old
// row that has only its key has the parent of the new one: the database must tell the
// whole old row (REPLICA IDENTITY FULL) where a link is no part of the key.
func (c *child) linked(row source.Row) bool {
	columns := make([]string, len(c.on))
	for i, on := range c.on {
		columns[i] = on.Child
	}
	return values(row, columns) != nil
}

// keyColumns gives the columns of the child that hold the root's key, in its order;
// nil where they do not.
func (c *child) keyColumns(k *Kind) []string {
	if c.of != k.root || len(c.on) != len(k.key) {
		return nil
	}
	var out []string
	for _, column := range k.key {
		i := slices.IndexFunc(c.on, func(on source.On) bool { return on.Parent == column })
		if i < 0 {
			return nil
		}
		out = append(out, c.on[i].Child)
	}
	return out
}

// values gives the values of columns; nil where one is missing, or null.
func values(row source.Row, columns []string) []any {
	if len(columns) == 0 {
		return nil
	}
	out := make([]any, len(columns))
	for i, column := range columns {
		if out[i] = row[column]; out[i] == nil {
			return nil
		}
	}
	return out
}

func (a *Affected) add(key []any) {
	if key == nil || slices.ContainsFunc(a.Keys, func(have []any) bool { return reflect.DeepEqual(have, key) }) {
		return
	}
	a.Keys = append(a.Keys, key)
}
