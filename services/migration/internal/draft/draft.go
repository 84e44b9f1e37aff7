// Package draft writes a first mapping for a database that nobody has mapped yet. It
// guesses by names; what it cannot place it drops, with the word "decide" beside it, so
// that no column is left out and all that a person has to look at can be searched for.
package draft

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

// Write gives the text of a mapping of a name for a schema. mapping.Load takes it, if one
// table at least has a name that tells what it holds, and no
// column of the schema is silent in it. contracts may be nil; with them the draft says
// which fields the owners need that it found nothing for.
func Write(name string, schema source.Schema, contracts mapping.Contracts) string {
	d := &drafter{schema: schema, contracts: contracts, used: map[string]map[string]bool{}, roots: map[string]string{}}
	d.place()
	d.line(0, "# A draft: it was written by the names of tables and columns alone. Look at every line that")
	d.line(0, "# says decide; docs/mapping.md says what can stand there.")
	d.line(0, "version: 1")
	d.line(0, "name: %s", quote(name))
	d.line(0, "defaults:")
	d.line(1, "currency: EUR # decide: of every amount that names no other")
	d.line(1, "zone: UTC # decide: where the clock hangs whose times the columns without a zone have")
	d.kinds()
	d.drops()
	return d.b.String()
}

type drafter struct {
	b         strings.Builder
	schema    source.Schema
	contracts mapping.Contracts
	used      map[string]map[string]bool
	roots     map[string]string // by kind: its table
}

func (d *drafter) line(depth int, format string, args ...any) {
	d.b.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&d.b, format, args...)
	d.b.WriteByte('\n')
}

func (d *drafter) use(table, column string) string {
	if d.used[table] == nil {
		d.used[table] = map[string]bool{}
	}
	d.used[table][column] = true
	return quote(column)
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// quote writes a name so that YAML takes it for a text.
func quote(name string) string {
	if !plainName.MatchString(name) || slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(name)) {
		return strconv.Quote(name)
	}
	return name
}

// kindNames are what the tables of a kind are called, in the order in which a table is
// given away.
var kindNames = []struct {
	kind  string
	names *regexp.Regexp
}{
	{"returns", regexp.MustCompile(`(?i)^(returns?|rmas?|order_?returns?)$`)},
	{"tickets", regexp.MustCompile(`(?i)^((support_?)?tickets?|cases?|complaints?|enquir(y|ies)|inquir(y|ies))$`)},
	{"orders", regexp.MustCompile(`(?i)^((customer_?|sales_?)?orders?|purchases?|sales?)$`)},
	{"stock", regexp.MustCompile(`(?i)^(inventory|inventories|stocks?|stock_?levels?)$`)},
	{"categories", regexp.MustCompile(`(?i)^((product_?)?categor(y|ies))$`)},
	{"products", regexp.MustCompile(`(?i)^(products?|articles?|goods)$`)},
	{"users", regexp.MustCompile(`(?i)^(customers?|users?|accounts?|clients?|people|persons?|members?)$`)},
}

// place finds the table of each kind: one with a key of its own.
func (d *drafter) place() {
	for _, table := range slices.Sorted(maps.Keys(d.schema)) {
		if len(d.schema[table].Key) == 0 {
			continue
		}
		for _, k := range kindNames {
			if _, taken := d.roots[k.kind]; !taken && k.names.MatchString(table) {
				d.roots[k.kind] = table
				break
			}
		}
	}
}

func (d *drafter) isRoot(table string) bool {
	return slices.Contains(slices.Collect(maps.Values(d.roots)), table)
}

func (d *drafter) drops() {
	var tables []string
	columns := map[string][]source.Column{}
	for _, table := range slices.Sorted(maps.Keys(d.schema)) {
		if d.used[table] == nil {
			tables = append(tables, table)
			continue
		}
		for _, c := range d.schema[table].Columns {
			if !d.used[table][c.Name] {
				columns[table] = append(columns[table], c)
			}
		}
	}
	if len(tables)+len(columns) == 0 {
		return
	}
	d.line(0, "drop:")
	if len(columns) > 0 {
		d.line(1, "columns:")
	}
	for _, table := range slices.Sorted(maps.Keys(columns)) {
		d.line(2, "%s:", quote(table))
		for _, c := range columns[table] {
			if why := mapping.SecretName(c.Name); why != "" {
				d.line(3, "%s: {reason: %s, secret: true}", quote(c.Name), strconv.Quote(why))
			} else {
				d.line(3, "%s: not placed by the draft # decide: %s", quote(c.Name), c.Type)
			}
		}
	}
	if len(tables) > 0 {
		d.line(1, "tables:")
	}
	for _, table := range tables {
		d.line(2, "%s: not placed by the draft # decide: about %d rows", quote(table), d.schema[table].Rows)
	}
}
