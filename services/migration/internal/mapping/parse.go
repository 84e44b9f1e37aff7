package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // of machines, and images, that have no files of zones

	"gopkg.in/yaml.v3"

	"tienda/internal/money"
	"tienda/services/migration/internal/source"
)

func (p *parser) file(n *yaml.Node) *Mapping {
	m := &Mapping{tables: map[string]drop{}, columns: map[string]map[string]drop{}, made: &Made{}}
	o, ok := p.object(n, "the file")
	if !ok {
		return m
	}
	if v := o.text("version"); v != "1" {
		p.add(n.Line, "version: must be 1")
	}
	m.Name, m.Description = o.needText("name", "the file"), o.text("description")
	if d := o.take("defaults"); d != nil {
		p.readDefaults(d)
	}
	m.defaults = p.defaults
	if kinds := o.take("kinds"); kinds == nil || kinds.Kind != yaml.SequenceNode || len(kinds.Content) == 0 {
		p.add(n.Line, "kinds: must be a list of what is made, and not empty")
	} else {
		for _, one := range kinds.Content {
			if k := p.readKind(plain(one)); k != nil {
				k.made = m.made
				m.kinds = append(m.kinds, k)
			}
		}
	}
	if d := o.take("drop"); d != nil {
		p.readDrops(m, d)
	}
	o.done("the file")
	p.resolve(m)
	slices.SortStableFunc(m.kinds, func(a, b *Kind) int {
		return slices.Index(kindOrder, a.Kind) - slices.Index(kindOrder, b.Kind)
	})
	return m
}

func (p *parser) readDefaults(n *yaml.Node) {
	o, ok := p.object(n, "defaults")
	if !ok {
		return
	}
	if p.defaults.currency = o.text("currency"); p.defaults.currency != "" && !money.ValidCurrency(p.defaults.currency) {
		p.add(o.lines["currency"], "currency: %s is not a code of ISO 4217", p.defaults.currency)
	}
	if p.defaults.zone = o.text("zone"); p.defaults.zone != "" {
		p.location(o.lines["zone"], p.defaults.zone)
	}
	o.done("defaults")
}

// location finds a zone of the IANA database.
func (p *parser) location(line int, zone string) *time.Location {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		p.add(line, "zone: %s is not a zone of the IANA database, as Europe/Berlin is", zone)
		return time.UTC
	}
	return loc
}

func (p *parser) readKind(n *yaml.Node) *Kind {
	o, ok := p.object(n, "a kind")
	if !ok {
		return nil
	}
	k := &Kind{Kind: o.needText("kind", "a kind"), line: n.Line}
	if k.Kind != "" && !slices.Contains(kindOrder, k.Kind) {
		p.add(o.lines["kind"], "kind: %s is none of %s", k.Kind, strings.Join(kindOrder, ", "))
	}
	if k.Name = o.text("name"); k.Name == "" {
		k.Name = k.Kind
	}
	what := k.Name
	if strings.ContainsAny(k.Name, ":% ") {
		p.add(o.lines["name"], "name: %q has a colon, a per cent sign or a blank", k.Name)
	}
	p.kind = k
	k.root = &child{table: o.needText("table", what), line: o.lines["table"], columns: map[string]int{}}
	key := o.take("key")
	if key == nil {
		p.add(n.Line, "%s: key is missing: the columns that name a row", what)
	}
	if k.key = p.texts(key, "key"); key != nil {
		for _, column := range k.key {
			k.root.read(column, key.Line)
			k.keyUses = append(k.keyUses, use{at: k.root, column: column, line: key.Line, as: asKey})
		}
	}
	if where := o.take("where"); where != nil {
		if w, ok := p.object(where, "where"); ok {
			k.Where, k.Reason = w.needText("sql", "where"), w.needText("reason", "where")
			w.done("where")
		}
	}
	p.readChildren(k, o.take("children"), false)
	p.readChildren(k, o.take("lookups"), true)
	p.nest(k)
	if fields := o.take("fields"); fields == nil {
		p.add(n.Line, "%s: fields is missing", what)
	} else {
		k.document = p.fieldsOf(k.root, fields)
	}
	if r := o.take("reverse"); r != nil {
		k.reverse = p.readReverse(k, r)
	}
	o.done(what)
	return k
}

func (p *parser) readChildren(k *Kind, n *yaml.Node, one bool) {
	if n == nil {
		return
	}
	all, ok := p.object(n, "children")
	if !ok {
		return
	}
	for _, name := range all.names {
		line := all.lines[name]
		if name == "root" || strings.Contains(name, ".") {
			p.add(line, "%s: a child may not be called root, nor have a dot in its name", name)
		}
		if slices.ContainsFunc(k.children, func(c *child) bool { return c.name == name }) {
			p.add(line, "%s: there are two children of this name", name)
			continue
		}
		if c := p.readChild(all.at[name], name, line, one); c != nil {
			k.children = append(k.children, c)
		}
	}
}

func (p *parser) readChild(n *yaml.Node, name string, line int, one bool) *child {
	o, ok := p.object(n, name)
	if !ok {
		return nil
	}
	c := &child{name: name, table: o.needText("table", name), line: line, one: one, columns: map[string]int{}}
	// The name of the parent stands here until nest finds it.
	c.of = &child{name: o.text("of"), line: o.lines["of"]}
	if on := o.take("on"); on == nil {
		p.add(line, "%s: on is missing: which of its columns is which of its parent's", name)
	} else if pairs, ok := p.object(on, "on"); ok {
		for _, column := range pairs.names {
			c.on = append(c.on, source.On{Child: column, Parent: p.text(pairs.at[column], "on")})
			c.read(column, pairs.lines[column])
		}
	}
	if c.one {
		c.unique = o.flag("unique")
	} else {
		order := o.take("order_by")
		if order == nil {
			p.add(line, "%s: order_by is missing: without it the same rows would make different documents", name)
		}
		c.orderBy = p.texts(order, "order_by")
		for _, column := range c.orderBy {
			c.read(column, order.Line)
		}
		c.distinct = o.flag("distinct")
	}
	o.done(name)
	return c
}

// nest puts every child under its parent, and the parents first.
func (p *parser) nest(k *Kind) {
	var sorted []*child
	for waiting := k.children; len(waiting) > 0; {
		var left []*child
		for _, c := range waiting {
			parent := k.root
			if c.of.name != "" {
				i := slices.IndexFunc(sorted, func(s *child) bool { return s.name == c.of.name })
				if i < 0 {
					left = append(left, c)
					continue
				}
				parent = sorted[i]
			}
			c.of = parent
			parent.children = append(parent.children, c)
			for _, on := range c.on {
				parent.read(on.Parent, c.line)
			}
			sorted = append(sorted, c)
		}
		if len(left) == len(waiting) {
			for _, c := range left {
				p.add(c.of.line, "%s: of: there is no child %s that is not of it again", c.name, c.of.name)
			}
			break
		}
		waiting = left
	}
	k.children = sorted
}

func (p *parser) readDrops(m *Mapping, n *yaml.Node) {
	o, ok := p.object(n, "drop")
	if !ok {
		return
	}
	if t := o.take("tables"); t != nil {
		if tables, ok := p.object(t, "tables"); ok {
			for _, name := range tables.names {
				m.tables[name] = p.readDrop(tables.at[name], name, tables.lines[name])
			}
		}
	}
	if c := o.take("columns"); c != nil {
		if tables, ok := p.object(c, "columns"); ok {
			for _, table := range tables.names {
				m.columns[table] = map[string]drop{}
				columns, ok := p.object(tables.at[table], table)
				if !ok {
					continue
				}
				for _, name := range columns.names {
					m.columns[table][name] = p.readDrop(columns.at[name], table+"."+name, columns.lines[name])
				}
			}
		}
	}
	o.done("drop")
}

func (p *parser) readDrop(n *yaml.Node, what string, line int) drop {
	if n.Kind == yaml.ScalarNode {
		d := drop{line: line, reason: n.Value}
		if n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
			p.add(line, "%s: say why it is dropped", what)
		}
		return d
	}
	o, ok := p.object(n, what)
	if !ok {
		return drop{line: line}
	}
	d := drop{line: line, reason: o.needText("reason", what), secret: o.flag("secret"), optional: o.flag("optional")}
	o.done(what)
	return d
}

// resolve finds the kinds that are referred to, and what contradicts itself.
func (p *parser) resolve(m *Mapping) {
	names := map[string]*Kind{}
	for _, k := range m.kinds {
		if other := names[k.Name]; other != nil {
			p.add(k.line, "%s: there is one on line %d already: give this one a name of its own", k.Name, other.line)
			continue
		}
		names[k.Name] = k
	}
	for _, ref := range p.ids {
		k := names[ref.target]
		switch {
		case k == nil:
			p.add(ref.line, "id: nothing of the name %s is made", ref.target)
		case len(k.key) != len(ref.key):
			p.add(ref.line, "id: the key of %s has %d columns, not %d", ref.target, len(k.key), len(ref.key))
		default:
			*ref.to = k
		}
	}
	for _, ref := range p.reverseRefs {
		if k := names[ref.target]; k == nil {
			p.add(ref.line, "key: nothing of the name %s is made", ref.target)
		} else if *ref.to = k; ref.part >= len(k.key) {
			p.add(ref.line, "key: the key of %s has %d columns", ref.target, len(k.key))
		}
	}
	for _, k := range m.kinds {
		for _, c := range append([]*child{k.root}, k.children...) {
			if d, ok := m.tables[c.table]; ok {
				p.add(d.line, "%s: is dropped here, and read on line %d", c.table, c.line)
			}
			for column, line := range c.columns {
				if d, ok := m.columns[c.table][column]; ok {
					p.add(d.line, "%s", fmt.Sprintf("%s.%s: is dropped here, and read on line %d", c.table, column, line))
				}
			}
		}
	}
}
