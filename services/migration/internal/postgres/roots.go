package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"tienda/services/migration/internal/source"
)

// LinkError says that a row of the stream does not have what links it to its document: it
// is a deleted or moved row of a table whose replica identity has not the column.
type LinkError struct{ Table, Column string }

// Error says what helps.
func (e *LinkError) Error() string {
	return fmt.Sprintf("a row of %s came without its column %s, which links it to its document: ALTER TABLE %s REPLICA IDENTITY FULL", e.Table, e.Column, e.Table)
}

// Roots finds the keys of the roots that rows of a Child belong to, by joins along its
// path. A row whose link is NULL belongs to none. A row without a link is a *LinkError.
func (s *Source) Roots(ctx context.Context, q source.Query, child string, rows []source.Row) ([][]any, error) {
	known, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	p, err := known.plan(q)
	if err != nil {
		return nil, err
	}
	c := p.node(child)
	if c == nil || child == "" {
		return nil, fmt.Errorf("documents of %s have no %q", q.Table, child)
	}
	links, err := c.links(rows)
	if err != nil || len(links) == 0 {
		return nil, err
	}
	if c.Of == "" {
		if keys := p.direct(c, links); keys != nil {
			return keys, nil
		}
	}
	params, err := columns(links, len(c.On))
	if err != nil {
		return nil, err
	}
	var keys [][]any
	err = s.reading(ctx, begin, p, func(conn *pgconn.PgConn) error {
		found, err := query(ctx, conn, p.upwards(c), params...)
		if err != nil {
			return err
		}
		for _, raw := range found.rows {
			key := make([]any, len(raw))
			for n := range raw {
				if key[n], err = s.value(ctx, found.fields[n].DataTypeOID, raw[n]); err != nil {
					return err
				}
			}
			keys = append(keys, key)
		}
		return nil
	})
	return keys, err
}

// links takes from rows what links them to their parent, each once.
func (n *node) links(rows []source.Row) ([][]any, error) {
	var all [][]any
	seen := map[string]bool{}
	for _, row := range rows {
		values := make([]any, len(n.On))
		raw := make([][]byte, len(n.On))
		for i, o := range n.On {
			v, ok := row[o.Child]
			if !ok {
				return nil, &LinkError{Table: n.Table, Column: o.Child}
			}
			var err error
			if raw[i], err = text(v); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", n.Table, o.Child, err)
			}
			values[i] = v
		}
		if id := identity(raw); !seen[id] && !slices.Contains(values, nil) {
			seen[id] = true
			all = append(all, values)
		}
	}
	return all, nil
}

// direct gives the keys where the links of a child of the root are its key, value by
// value; nil: they are not.
func (p *plan) direct(c *node, links [][]any) [][]any {
	places := make([]int, len(p.query.Key))
	for n, k := range p.query.Key {
		places[n] = slices.IndexFunc(c.On, func(o source.On) bool {
			return o.Parent == k && c.of.cast[o.Child] == p.root.of.cast[k]
		})
		if places[n] < 0 {
			return nil
		}
	}
	if len(c.On) != len(places) {
		return nil
	}
	keys := make([][]any, len(links))
	for n, l := range links {
		for _, at := range places {
			keys[n] = append(keys[n], l[at])
		}
	}
	return keys
}

// upwards is the query from the links of a child to the keys of the roots.
func (p *plan) upwards(c *node) string {
	types := make([]string, len(c.On))
	for n, o := range c.On {
		types[n] = c.of.cast[o.Child]
	}
	joins := given(types)
	left := func(n int, _ source.On) string { return fmt.Sprintf("p.k%d", n+1) }
	for level := 1; ; level++ {
		alias := "r"
		if c.Of != "" {
			alias = fmt.Sprintf("t%d", level)
		}
		parent := p.node(c.Of)
		on := make([]string, len(c.On))
		for n, o := range c.On {
			on[n] = fmt.Sprintf("%s.%s = %s", alias, quote(o.Parent), left(n, o))
		}
		joins += fmt.Sprintf(" JOIN %s %s ON %s", parent.of.name, alias, strings.Join(on, " AND "))
		if c.Of == "" {
			return fmt.Sprintf("SELECT DISTINCT %s FROM %s", list("r", p.query.Key), joins)
		}
		left = func(_ int, o source.On) string { return alias + "." + quote(o.Child) }
		c = parent
	}
}
