// Package mappingtest gives tests of mappings a database: in memory, from the text of
// its tables and a few rows, or read whole from a PostgreSQL.
package mappingtest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tienda/services/migration/internal/source"
)

// Data is a database with all its rows.
type Data struct {
	Schema source.Schema
	Rows   map[string][]source.Row
	Where  map[string]func(source.Row) bool // what an SQL condition says
}

// Records gives every root of a query with all that belongs to it, in the order of
// their keys.
func (d *Data) Records(q source.Query) ([]source.Record, error) {
	rows := d.Rows[q.Table]
	if q.Where != "" {
		keep := d.Where[q.Where]
		if keep == nil {
			return nil, fmt.Errorf("nothing says what %q means", q.Where)
		}
		rows = slices.DeleteFunc(slices.Clone(rows), func(r source.Row) bool { return !keep(r) })
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b source.Row) int { return compare(a, b, q.Key) })
	index := map[string]map[string][]source.Row{}
	for _, c := range q.Children {
		index[c.Name] = d.group(c)
	}
	records := make([]source.Record, 0, len(rows))
	for _, row := range rows {
		records = append(records, record(row, q, index))
	}
	return records, nil
}

func record(row source.Row, q source.Query, index map[string]map[string][]source.Row) source.Record {
	rec := source.Record{Row: project(row, q.Columns), Children: map[string][]source.Row{}, Nested: map[string][]source.NestedRow{}}
	full := map[string][]source.Row{}
	for _, c := range q.Children {
		var parent []string
		for _, on := range c.On {
			parent = append(parent, on.Parent)
		}
		if c.Of == "" {
			full[c.Name] = index[c.Name][key(row, parent)]
			for _, r := range full[c.Name] {
				rec.Children[c.Name] = append(rec.Children[c.Name], project(r, c.Columns))
			}
			continue
		}
		for i, p := range full[c.Of] {
			for _, r := range index[c.Name][key(p, parent)] {
				full[c.Name] = append(full[c.Name], r)
				rec.Nested[c.Name] = append(rec.Nested[c.Name], source.NestedRow{Parent: i, Row: project(r, c.Columns)})
			}
		}
	}
	return rec
}

func project(row source.Row, columns []string) source.Row {
	out := source.Row{}
	for _, name := range columns {
		out[name] = row[name]
	}
	return out
}

func (d *Data) group(c source.Child) map[string][]source.Row {
	var on []string
	for _, pair := range c.On {
		on = append(on, pair.Child)
	}
	out := map[string][]source.Row{}
	for _, row := range d.Rows[c.Table] {
		out[key(row, on)] = append(out[key(row, on)], row)
	}
	for _, rows := range out {
		slices.SortStableFunc(rows, func(a, b source.Row) int { return compare(a, b, c.OrderBy) })
	}
	delete(out, "")
	return out
}

// key is "" where a value is null: null equals nothing.
func key(row source.Row, columns []string) string {
	var b strings.Builder
	for _, name := range columns {
		if row[name] == nil {
			return ""
		}
		fmt.Fprintf(&b, "%v\x00", row[name])
	}
	return b.String()
}

func compare(a, b source.Row, columns []string) int {
	for _, name := range columns {
		var c int
		switch x := a[name].(type) {
		case int64:
			y, _ := b[name].(int64)
			c = cmp.Compare(x, y)
		case time.Time:
			y, _ := b[name].(time.Time)
			c = x.Compare(y)
		default:
			c = strings.Compare(fmt.Sprint(a[name]), fmt.Sprint(b[name]))
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// Value reads what PostgreSQL writes for a value of a type as a source gives it.
func Value(dbType, text string) (any, error) {
	base, _, _ := strings.Cut(strings.ToLower(dbType), "(")
	switch base = strings.TrimSpace(base); base {
	case "smallint", "integer", "bigint", "int":
		return strconv.ParseInt(text, 10, 64)
	case "real":
		f, err := strconv.ParseFloat(text, 32)
		return f, err
	case "double precision":
		return strconv.ParseFloat(text, 64)
	case "boolean":
		return text == "t" || text == "true", nil
	case "bytea":
		return []byte(text), nil
	case "date":
		return time.Parse(time.DateOnly, text)
	}
	if strings.HasPrefix(base, "timestamp") {
		for _, layout := range []string{"2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC(), nil
			}
		}
		return nil, fmt.Errorf("%q is no timestamp", text)
	}
	return text, nil
}
