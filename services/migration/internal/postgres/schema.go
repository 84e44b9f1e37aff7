package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tienda/services/migration/internal/source"
)

// catalog is the Schema with what queries need beside it.
type catalog map[string]*table

type table struct {
	source.Table
	name string            // quoted, with its schema
	cast map[string]string // the type of a column, for a cast
}

// The tables of all schemas but the system's. Partitions stand under the table that they
// are of.
const tablesSQL = `
SELECT n.nspname, c.relname, coalesce(p.rows, greatest(c.reltuples, 0))::bigint, coalesce(p.full, c.relreplident = 'f')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
	SELECT sum(greatest(l.reltuples, 0)) AS rows, bool_and(l.relreplident = 'f') AS "full"
	FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid WHERE t.isleaf AND c.relkind = 'p'
) p ON true
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
	AND n.nspname NOT IN ('information_schema') AND n.nspname !~ '^pg_'`

const columnsSQL = `
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> ''
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`

const keysSQL = `
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY k.ord)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, ord)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE i.indisprimary AND k.ord <= i.indnkeyatts
GROUP BY 1, 2`

const linksSQL = `
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY k.ord), fn.nspname, fc.relname, array_agg(fa.attname::text ORDER BY k.ord)
FROM pg_constraint x
JOIN pg_class c ON c.oid = x.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class fc ON fc.oid = x.confrelid
JOIN pg_namespace fn ON fn.oid = fc.relnamespace
CROSS JOIN LATERAL unnest(x.conkey, x.confkey) WITH ORDINALITY k(own, other, ord)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.own
JOIN pg_attribute fa ON fa.attrelid = fc.oid AND fa.attnum = k.other
WHERE x.contype = 'f' AND x.conparentid = 0
GROUP BY x.oid, 1, 2, 4, 5, x.conname
ORDER BY x.conname`

// Schema reads what there is.
func (s *Source) Schema(ctx context.Context) (source.Schema, error) {
	known, err := s.readCatalog(ctx)
	if err != nil {
		return nil, err
	}
	all := source.Schema{}
	for name, t := range known {
		all[name] = t.Table
	}
	return all, nil
}

// catalog gives what is known of the tables, and reads it if it has changed since.
func (s *Source) catalog(ctx context.Context) (catalog, error) {
	s.mu.Lock()
	known := s.known
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	return s.readCatalog(ctx)
}

// forgetCatalog has the catalog read anew: a table has changed.
func (s *Source) forgetCatalog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil
	s.altered++
}

func (s *Source) readCatalog(ctx context.Context) (catalog, error) {
	s.mu.Lock()
	altered := s.altered
	s.mu.Unlock()
	known := catalog{}
	err := pgx.BeginTxFunc(ctx, s.aside, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return s.fill(ctx, tx, known)
	})
	if err != nil {
		return nil, fmt.Errorf("schema of the source: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.altered == altered {
		s.known = known // nothing has changed while it was read
	}
	return known, nil
}

func (s *Source) fill(ctx context.Context, tx pgx.Tx, known catalog) error {
	var schema, name, toSchema, to string
	var rows int64
	var full bool
	err := scan(ctx, tx, tablesSQL, []any{&schema, &name, &rows, &full}, func() {
		known[s.name(schema, name)] = &table{Table: source.Table{Rows: rows, Full: full},
			name: pgx.Identifier{schema, name}.Sanitize(), cast: map[string]string{}}
	})
	if err != nil {
		return err
	}
	var c source.Column
	err = scan(ctx, tx, columnsSQL, []any{&schema, &name, &c.Name, &c.Type, &c.NotNull, &c.Generated}, func() {
		if t := known[s.name(schema, name)]; t != nil {
			t.Columns = append(t.Columns, c)
			t.cast[c.Name] = c.Type
		}
	})
	if err != nil {
		return err
	}
	var columns, at []string
	err = scan(ctx, tx, keysSQL, []any{&schema, &name, &columns}, func() {
		if t := known[s.name(schema, name)]; t != nil {
			t.Key = slices.Clone(columns)
		}
	})
	if err != nil {
		return err
	}
	return scan(ctx, tx, linksSQL, []any{&schema, &name, &columns, &toSchema, &to, &at}, func() {
		if t := known[s.name(schema, name)]; t != nil {
			t.Links = append(t.Links, source.Link{Columns: slices.Clone(columns), To: s.name(toSchema, to), At: slices.Clone(at)})
		}
	})
}

// scan calls each for every row of a query, with the row in its targets.
func scan(ctx context.Context, tx pgx.Tx, sql string, targets []any, each func()) error {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		each()
		return nil
	})
	return err
}

// name is how a table is called in a Schema.
func (s *Source) name(schema, table string) string {
	if schema == s.config.Schema {
		return table
	}
	return schema + "." + table
}

func (c catalog) table(name string) (*table, error) {
	t := c[name]
	if t == nil {
		return nil, fmt.Errorf("the source has no table %s", name)
	}
	return t, nil
}

// has says that a table has columns, or which one it has not.
func (t *table) has(columns ...string) error {
	for _, c := range columns {
		if t.cast[c] == "" {
			return fmt.Errorf("table %s has no column %s", t.name, c)
		}
	}
	return nil
}

func quote(column string) string { return pgx.Identifier{column}.Sanitize() }

// list is columns of an alias: a."x", a."y".
func list(alias string, columns []string) string {
	parts := make([]string, len(columns))
	for n, c := range columns {
		parts[n] = alias + "." + quote(c)
	}
	return strings.Join(parts, ", ")
}
