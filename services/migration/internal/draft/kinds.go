package draft

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

// field is a field of a document and what columns for it are called. A column is used
// for the first field that it fits.
type field struct {
	name  string
	names *regexp.Regexp
	as    string // "text", "slug", "int", "money", "time"
	all   string // what stands there where no column fits; "": nothing
}

func called(names string) *regexp.Regexp { return regexp.MustCompile(`(?i)^(` + names + `)$`) }

// wanted are the fields of each kind that a single column can make.
var wanted = map[string][]field{
	"categories": {
		{"slug", called(`slug|(category_?)?(name|title)|label`), "slug", ""},
		{"name", called(`(category_?)?(name|title)|label|slug`), "text", ""},
		{"position", called(`sort(_?order)?|position`), "int", ""},
	},
	"products": {
		{"slug", called(`slug|(product_?)?(name|title)|label`), "slug", ""},
		{"name", called(`(product_?)?(name|title)|label|slug`), "text", ""},
		{"description", called(`.*desc(ription)?|long_?text`), "text", ""},
	},
	"stock": {
		{"sku", called(`sku|article(_?(no|number))?|.*_?(id|no|number)`), "text", ""},
		{"on_hand", called(`on_?hand|.*quan.*|qty|units?(_?in_?stock)?|stock|pieces|amount|count`), "int", ""},
	},
	"users": {
		{"email", called(`.*mail.*`), "mail", ""},
		{"name", called(`(full_?|display_?|contact_?)?name`), "text", ""},
		{"created_at", called(`created.*|registered.*|since|joined.*|signup.*`), "time", ""},
	},
	"orders": {
		{"number", called(`(order_?)?(number|no|nr)`), "text", ""},
		{"email", called(`.*mail.*`), "mail", ""},
		{"currency", called(`currency|currency_?code`), "text", "{const: EUR} # decide"},
		{"status", called(``), "text", "{const: confirmed} # decide: an enum of the column that says how the order stands"},
		{"created_at", called(`created.*|placed.*|(order_?)?date|bought.*|ordered.*`), "time", ""},
		{"shipped_at", called(`shipped(_?(at|on|date))?|ship_?date`), "time", ""},
	},
	"tickets": {
		{"subject", called(`subject|title|summary`), "text", ""},
		{"status", called(``), "text", "{const: open} # decide: an enum of the column that says how the ticket stands"},
		{"created_at", called(`created.*|opened.*|date`), "time", ""},
	},
	"returns": {
		{"status", called(``), "text", "{const: requested} # decide: an enum of the column that says how the return stands"},
		{"created_at", called(`created.*|requested.*|date`), "time", ""},
	},
}

// rows are the fields of a list that a child makes.
var rows = map[string]struct {
	list   string
	fields []field
}{
	"orders": {"lines", []field{
		{"sku", called(`sku|article(_?(no|number))?|product(_?id)?|prod_?id|item(_?id)?`), "text", ""},
		{"name", called(`(product_?)?(name|title)|description`), "text", `{const: "?"} # decide`},
		{"quantity", called(`quantity|qty|pieces|units|count`), "int", ""},
		{"unit_price", called(`(unit_?)?price`), "money", ""},
		{"total", called(`(line_?)?total|amount`), "money", ""},
	}},
	"tickets": {"messages", []field{
		{"author", called(``), "text", "{const: customer} # decide"},
		{"text", called(`text|body|message|content`), "text", ""},
		{"created_at", called(`created.*|sent.*|date|at`), "time", ""},
	}},
	"returns": {"lines", []field{
		{"sku", called(`sku|article(_?(no|number))?|product(_?id)?`), "text", ""},
		{"quantity", called(`quantity|qty|pieces|units`), "int", ""},
		{"reason", called(``), "text", "{const: other} # decide"},
	}},
}

func (d *drafter) kinds() {
	if len(d.roots) == 0 {
		d.line(0, "kinds: [] # decide: no table has a name that tells what it holds")
		return
	}
	d.line(0, "kinds:")
	for _, kind := range []string{"categories", "products", "stock", "users", "orders", "tickets", "returns"} {
		if table, ok := d.roots[kind]; ok {
			d.kind(kind, table)
		}
	}
}

func (d *drafter) kind(kind, table string) {
	t := d.schema[table]
	d.line(1, "- kind: %s", kind)
	d.line(2, "table: %s", quote(table))
	keys := make([]string, len(t.Key))
	for i, column := range t.Key {
		keys[i] = d.use(table, column)
	}
	d.line(2, "key: [%s]", strings.Join(keys, ", "))
	child := d.child(kind, table)
	category := d.category(kind, table)
	d.line(2, "fields:")
	given := []string{}
	for _, f := range wanted[kind] {
		if d.field(3, table, f) {
			given = append(given, f.name)
		}
	}
	given = append(given, d.special(kind, table, given, child, category)...)
	d.missing(kind, given)
}

// child declares the table whose rows are the list of a kind.
func (d *drafter) child(kind, table string) string {
	if _, ok := rows[kind]; !ok {
		return ""
	}
	for name, t := range sorted(d.schema) {
		i := slices.IndexFunc(t.Links, func(l source.Link) bool { return l.To == table })
		if i < 0 || d.isRoot(name) {
			continue
		}
		link := t.Links[i]
		on := make([]string, len(link.Columns))
		for j, column := range link.Columns {
			on[j] = d.use(name, column) + ": " + d.use(table, link.At[j])
		}
		var order []string
		for _, column := range t.Key {
			if !slices.Contains(link.Columns, column) {
				order = append(order, d.use(name, column))
			}
		}
		if len(order) == 0 {
			continue // one row for each: no list
		}
		d.line(2, "children:")
		d.line(3, "%s: {table: %s, on: {%s}, order_by: [%s]}", rows[kind].list, quote(name), strings.Join(on, ", "), strings.Join(order, ", "))
		return name
	}
	return ""
}

// category declares the lookup of a product's category, and gives its column.
func (d *drafter) category(kind, table string) string {
	to, ok := d.roots["categories"]
	if !ok || kind != "products" {
		return ""
	}
	for _, link := range d.schema[table].Links {
		column := d.find(to, wanted["categories"][0])
		if link.To != to || len(link.Columns) != 1 || column == "" {
			continue
		}
		d.line(2, "lookups:")
		d.line(3, "category: {table: %s, on: {%s: %s}}", quote(to), quote(link.At[0]), d.use(table, link.Columns[0]))
		return column
	}
	return ""
}

// find gives the column for a field; "": there is none.
func (d *drafter) find(table string, f field) string {
	families := map[string][]string{
		"text": {"text", "int"}, "slug": {"text"}, "mail": {"text"}, "int": {"int"},
		"money": {"decimal", "float", "int"}, "time": {"timestamp", "instant", "date"},
	}[f.as]
	for _, c := range d.schema[table].Columns {
		if f.names.MatchString(c.Name) && slices.Contains(families, mapping.Family(c.Type)) && mapping.SecretName(c.Name) == "" {
			return c.Name
		}
	}
	return ""
}

// field writes a field, if there is something for it.
func (d *drafter) field(depth int, table string, f field) bool {
	column := d.find(table, f)
	switch {
	case column != "":
		d.line(depth, "%s: %s", f.name, d.operation(table, column, f.as))
	case f.all != "":
		d.line(depth, "%s: %s", f.name, f.all)
	default:
		return false
	}
	return true
}

func (d *drafter) operation(table, column, as string) string {
	name := d.use(table, column)
	c := d.schema[table].Columns[slices.IndexFunc(d.schema[table].Columns, func(c source.Column) bool { return c.Name == column })]
	switch as {
	case "slug":
		return fmt.Sprintf("{slug: %s}", name)
	case "mail":
		return fmt.Sprintf("{column: %s, trim: true, lower: true}", name)
	case "money":
		if mapping.Family(c.Type) == "float" {
			return fmt.Sprintf("{money: {column: %s, round: half_up}}", name)
		}
		return fmt.Sprintf("{money: %s}", name)
	case "time":
		if mapping.Family(c.Type) == "instant" {
			return fmt.Sprintf("{time: {column: %s, instant: true}}", name)
		}
		return fmt.Sprintf("{time: %s}", name)
	case "text":
		if mapping.Family(c.Type) != "text" {
			return fmt.Sprintf("{column: %s, as: string}", name)
		}
	}
	return name
}
