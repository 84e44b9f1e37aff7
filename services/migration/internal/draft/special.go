package draft

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"tienda/services/migration/internal/source"
)

// special writes the fields that are more than a column, and gives their names.
func (d *drafter) special(kind, table string, given []string, child, category string) (more []string) {
	has := func(name string) bool { return slices.Contains(given, name) }
	switch kind {
	case "users":
		if !has("name") && d.fullName(table) {
			more = append(more, "name")
		}
	case "products":
		if category != "" {
			d.line(3, "category: {slug: category.%s}", category)
			more = append(more, "category")
		}
		d.variant(table)
		more = append(more, "variants")
	case "orders", "tickets", "returns":
		if kind == "orders" && !has("number") {
			d.line(3, `number: {template: "%s"}`, d.template(table))
			more = append(more, "number")
		}
		more = append(more, d.references(table)...)
		if child != "" {
			d.embed(kind, child)
			more = append(more, rows[kind].list)
		}
		if kind == "orders" {
			more = append(more, d.amounts(table)...)
		}
	}
	return more
}

func (d *drafter) template(table string) string {
	parts := make([]string, len(d.schema[table].Key))
	for i, column := range d.schema[table].Key {
		parts[i] = "{" + column + "}"
	}
	return strings.Join(parts, "-")
}

func (d *drafter) fullName(table string) bool {
	first := d.find(table, field{names: called(`first_?name|first|given_?name`), as: "text"})
	last := d.find(table, field{names: called(`last_?name|last|surname|family_?name`), as: "text"})
	if first == "" || last == "" {
		return false
	}
	d.line(3, "name: {join: {columns: [%s, %s]}}", d.use(table, first), d.use(table, last))
	return true
}

// variant writes the one variant of a product that has no table of them.
func (d *drafter) variant(table string) {
	d.line(3, "variants: # decide: one for each product, where no table has more")
	d.line(4, "list:")
	d.line(5, "- object:")
	if !d.field(8, table, field{"sku", called(`sku|article(_?(no|number))?`), "text", ""}) {
		d.line(8, `sku: {template: "%s"} # decide`, d.template(table))
	}
	if !d.field(8, table, field{"name", called(`(product_?)?(name|title)|label`), "text", ""}) {
		d.line(8, `name: {template: "%s"} # decide`, d.template(table))
	}
	if price := d.find(table, field{names: called(`(unit_?|sales_?|list_?)?price`), as: "money"}); price != "" {
		d.line(8, "prices: {list: [%s]}", d.operation(table, price, "money"))
	} else {
		d.line(8, "prices: {const: []} # decide")
	}
}

// references writes the documents of other kinds that a root points at.
func (d *drafter) references(table string) (more []string) {
	for _, to := range []struct{ field, kind string }{{"customer_id", "users"}, {"order_id", "orders"}, {"ticket_id", "tickets"}} {
		root, ok := d.roots[to.kind]
		if !ok || root == table {
			continue
		}
		for _, link := range d.schema[table].Links {
			if link.To != root {
				continue
			}
			columns := make([]string, len(link.Columns))
			for i, column := range link.Columns {
				columns[i] = d.use(table, column)
			}
			d.line(3, "%s: {id: {kind: %s, key: [%s]}}", to.field, to.kind, strings.Join(columns, ", "))
			more = append(more, to.field)
			break
		}
	}
	return more
}

func (d *drafter) embed(kind, child string) {
	d.line(3, "%s:", rows[kind].list)
	d.line(4, "embed:")
	d.line(5, "child: %s", rows[kind].list)
	d.line(5, "fields:")
	found := false
	for _, f := range rows[kind].fields {
		if d.field(6, child, f) {
			found = true
		} else {
			d.line(6, "# decide: %s: no column was found", f.name)
		}
	}
	if !found {
		d.line(6, "{}")
	}
}

// amounts writes the totals and the payment of an order.
func (d *drafter) amounts(table string) []string {
	total := d.find(table, field{names: called(`(total|gross)(_?amount)?|totalamount|amount|sum`), as: "money"})
	if total == "" {
		return nil
	}
	op := d.operation(table, total, "money")
	d.line(3, "totals: # decide: more of them, where the columns are there")
	d.line(4, "object: {goods: %s, total: %s}", op, op)
	d.line(3, "payment: # decide")
	d.line(4, "object: {method: {const: invoice}, status: {const: due}, paid: {const: {amount: 0, currency: EUR}}, refunded: {const: {amount: 0, currency: EUR}}}")
	return []string{"totals", "payment"}
}

// missing says which fields the owner needs that nothing was found for.
func (d *drafter) missing(kind string, given []string) {
	if len(given) == 0 {
		d.line(3, "{} # decide")
	}
	if d.contracts == nil {
		return
	}
	schema, err := d.contracts(kind)
	if err != nil {
		d.line(3, "# decide: what is required: the contract of %s cannot be read", kind)
		return
	}
	for _, f := range schema.Check([]byte("{}")) {
		name := strings.TrimPrefix(f.Name, "/")
		if f.Reason == "is required" && !slices.Contains(given, name) {
			d.line(3, "# decide: %s is required, and no column was found for it", name)
		}
	}
}

func sorted(schema source.Schema) iter.Seq2[string, source.Table] {
	return func(yield func(string, source.Table) bool) {
		for _, name := range slices.Sorted(maps.Keys(schema)) {
			if !yield(name, schema[name]) {
				return
			}
		}
	}
}
