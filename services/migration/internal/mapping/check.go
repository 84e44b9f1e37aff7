package mapping

import (
	"maps"
	"slices"
	"strings"

	"tienda/services/migration/internal/source"
)

// Check holds the mapping to a database and to the owners' contracts: every table
// and column that it names is there, every one that is there is mapped or dropped by
// name, each value can be taken for what it is taken for, and the fields are those
// that the owners know and need. It gives nil, or a Problems. contracts may be nil:
// then the fields are not looked at.
func (m *Mapping) Check(schema source.Schema, contracts Contracts) error {
	c := &checker{m: m, schema: schema, used: map[string]map[string]int{}}
	for _, k := range m.kinds {
		c.kind(k)
	}
	c.drops()
	c.silence()
	c.secrets()
	if contracts != nil {
		for _, k := range m.kinds {
			c.fields(k, contracts)
		}
	}
	if found := c.sorted(); len(found) > 0 {
		return found
	}
	return nil
}

type checker struct {
	list
	m      *Mapping
	schema source.Schema
	used   map[string]map[string]int // table, column: the line that reads it
}

func (c *checker) column(table, name string) (source.Column, bool) {
	columns := c.schema[table].Columns
	i := slices.IndexFunc(columns, func(one source.Column) bool { return one.Name == name })
	if i < 0 {
		return source.Column{}, false
	}
	return columns[i], true
}

func (c *checker) kind(k *Kind) {
	for _, one := range append([]*child{k.root}, k.children...) {
		table, ok := c.schema[one.table]
		if !ok {
			c.add(one.line, "%s: the database has no such table", one.table)
			continue
		}
		if c.used[one.table] == nil {
			c.used[one.table] = map[string]int{}
		}
		for _, name := range one.columnNames() {
			if _, ok := c.column(one.table, name); !ok {
				c.add(one.columns[name], "%s.%s: the database has no such column", one.table, name)
				continue
			}
			if _, ok := c.used[one.table][name]; !ok {
				c.used[one.table][name] = one.columns[name]
			}
		}
		if one == k.root {
			c.key(k, table)
		} else {
			c.link(k, one, table)
		}
	}
	for _, u := range append(slices.Clone(k.keyUses), k.document.uses...) {
		c.castable(u)
	}
}

// key asks that the key names one row. Without a primary key in the database the
// mapping cannot know that.
func (c *checker) key(k *Kind, table source.Table) {
	for _, column := range table.Key {
		if !slices.Contains(k.key, column) {
			c.add(k.line, "%s: key does not name one row of %s: %s of its primary key is missing", k.Name, k.root.table, column)
		}
	}
	if len(table.Key) == 0 {
		c.add(k.line, "%s: %s has no primary key, so its rows have no name", k.Name, k.root.table)
	}
	for _, column := range k.key {
		if found, ok := c.column(k.root.table, column); ok && !found.NotNull && !slices.Contains(table.Key, column) {
			c.add(k.line, "%s: %s.%s of its key can be null", k.Name, k.root.table, column)
		}
	}
}

// link asks that a child can be found by its columns, that a lookup finds one row,
// and that the order of the rows of others is the same every time.
func (c *checker) link(k *Kind, one *child, table source.Table) {
	var on []string
	for _, pair := range one.on {
		on = append(on, pair.Child)
		mine, ok := c.column(one.table, pair.Child)
		theirs, there := c.column(one.of.table, pair.Parent)
		if !there && c.schema[one.of.table].Columns != nil {
			c.add(one.line, "%s.%s: the database has no such column", one.of.table, pair.Parent)
		}
		if ok && there && Family(mine.Type) != Family(theirs.Type) {
			c.add(one.line, "%s: %s.%s (%s) and %s.%s (%s) cannot be equal", one.name,
				one.table, pair.Child, mine.Type, one.of.table, pair.Parent, theirs.Type)
		}
	}
	known := append(slices.Clone(on), one.orderBy...)
	if len(table.Key) == 0 {
		return // the order is for the mapping to know
	}
	for _, column := range table.Key {
		switch {
		case one.one && !one.unique && !slices.Contains(on, column):
			c.add(one.line, "%s: is a lookup, but %s of the key of %s is not in on; say unique: true where the columns are unique all the same", k.Name+"."+one.name, column, one.table)
		case !one.one && !slices.Contains(known, column):
			c.add(one.line, "%s: order_by leaves rows without an order: %s of the key of %s is missing", k.Name+"."+one.name, column, one.table)
		}
	}
}

// drops asks that what is dropped is there: a drop of nothing is a slip of the pen.
func (c *checker) drops() {
	for name, d := range c.m.tables {
		if _, ok := c.schema[name]; !ok && !d.optional {
			c.add(d.line, "%s: is dropped, but the database has no such table; say optional: true where it may be missing", name)
		}
	}
	for table, columns := range c.m.columns {
		_, there := c.schema[table]
		for name, d := range columns {
			if d.optional {
				continue
			}
			if !there {
				c.add(d.line, "%s: the database has no such table", table)
			} else if _, ok := c.column(table, name); !ok {
				c.add(d.line, "%s.%s: is dropped, but the database has no such column", table, name)
			}
		}
	}
}

// notes is the migration's own table in the database.
const notes = "tienda_reverse"

// silence names every column that is neither mapped nor dropped.
func (c *checker) silence() {
	for _, table := range slices.Sorted(maps.Keys(c.schema)) {
		if _, dropped := c.m.tables[table]; dropped || table == notes {
			continue
		}
		if c.used[table] == nil && c.m.columns[table] == nil {
			c.add(0, "%s: the table is neither mapped nor dropped", table)
			continue
		}
		for _, column := range c.schema[table].Columns {
			_, dropped := c.m.columns[table][column.Name]
			if _, used := c.used[table][column.Name]; !used && !dropped {
				c.add(0, "%s.%s: is neither mapped nor dropped", table, column.Name)
			}
		}
	}
}

// Family says in a word what the values of a type of the database are: "text" (also enums,
// UUIDs and what is not known), "int", "decimal", "float", "bool", "bytes", "date",
// "timestamp" (without a zone), "instant" (with one), "json", "list" or "other".
func Family(dbType string) string {
	t := strings.ToLower(strings.TrimSpace(dbType))
	if strings.HasSuffix(t, "[]") {
		return "list"
	}
	base, _, _ := strings.Cut(t, "(")
	switch strings.TrimSpace(base) {
	case "smallint", "integer", "bigint", "int", "int2", "int4", "int8", "oid", "smallserial", "serial", "bigserial":
		return "int"
	case "numeric", "decimal", "money":
		return "decimal"
	case "real", "double precision", "float4", "float8":
		return "float"
	case "boolean", "bool":
		return "bool"
	case "bytea":
		return "bytes"
	case "date":
		return "date"
	case "json", "jsonb":
		return "json"
	}
	switch {
	case strings.HasPrefix(t, "timestamp") && (strings.HasSuffix(t, "with time zone") && !strings.HasSuffix(t, "without time zone") || strings.HasPrefix(t, "timestamptz")):
		return "instant"
	case strings.HasPrefix(t, "timestamp"):
		return "timestamp"
	case strings.HasPrefix(t, "time"), strings.HasPrefix(t, "interval"):
		return "other"
	}
	return "text" // also enums, uuid, citext, domains of the database's own
}

// fits are the families that can be taken for something.
var fits = map[taken][]string{
	asIs:      {"text", "int", "bool", "list", "json"},
	asText:    {"text", "int", "bool", "decimal", "float", "json", "list"},
	asInt:     {"int", "text", "decimal", "float"},
	asBool:    {"bool", "int", "text"},
	asJSON:    {"json", "text"},
	asDecimal: {"int", "decimal", "float", "text"},
	asTime:    {"timestamp", "instant", "date", "text"},
	asUnix:    {"int", "text", "decimal"},
	asKey:     {"int", "text", "bool", "decimal", "date", "timestamp", "instant"},
	asAny:     {"text", "int", "bool", "list", "json", "decimal", "float", "timestamp", "instant", "date"},
	asHash:    {"text"},
}

var takenNames = map[taken]string{
	asIs: "a value of a document as it is; say as, time or money", asText: "a text", asInt: "a whole number", asBool: "true or false",
	asJSON: "JSON", asDecimal: "an amount", asTime: "a time", asUnix: "seconds since 1970", asKey: "part of a key",
	asAny: "a value of an expression", asHash: "the hash of a password",
}

func (c *checker) castable(u use) {
	column, ok := c.column(u.at.table, u.column)
	if !ok {
		return
	}
	is := Family(column.Type)
	if !slices.Contains(fits[u.as], is) {
		c.add(u.line, "%s: %s cannot be taken for %s", u.name(), column.Type, takenNames[u.as])
		return
	}
	if u.as == asTime {
		switch {
		case is == "instant" && u.zone:
			c.add(u.line, "%s: %s has its zone; say instant: true", u.name(), column.Type)
		case (is == "timestamp" || is == "date") && !u.zone:
			c.add(u.line, "%s: %s has no zone; say which", u.name(), column.Type)
		}
	}
}
