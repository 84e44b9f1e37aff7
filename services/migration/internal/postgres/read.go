package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"tienda/services/migration/internal/source"
)

// begin starts a read transaction of one snapshot. The snapshot is that of the first query.
const begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

// rewrites is how often a read begins again because a table was rewritten under it.
const rewrites = 5

// texts are rows as the database wrote them.
type texts struct {
	fields []pgconn.FieldDescription
	rows   [][][]byte
}

func query(ctx context.Context, conn *pgconn.PgConn, sql string, params ...[]byte) (texts, error) {
	r := conn.ExecParams(ctx, sql, params, nil, nil, nil)
	t := texts{fields: slices.Clone(r.FieldDescriptions())}
	var room arena
	for r.NextRow() {
		t.rows = append(t.rows, room.row(r.Values()))
	}
	if _, err := r.Close(); err != nil {
		return texts{}, err
	}
	return t, nil
}

// reading runs what reads in one transaction; start begins it and may choose its snapshot.
func (s *Source) reading(ctx context.Context, start string, p *plan, read func(*pgconn.PgConn) error) error {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer c.Release()
	conn := c.Conn().PgConn()
	if err := conn.Exec(ctx, start).Close(); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	err = read(conn)
	if err == nil {
		err = rewritten(ctx, conn, p)
	}
	// The pool closes a connection that is left within a transaction.
	if end := conn.Exec(ctx, "COMMIT").Close(); err == nil && end != nil {
		err = end
	}
	if err != nil {
		return fmt.Errorf("documents of %s: %w", p.query.Table, err)
	}
	return nil
}

// rewritten says whether a table that was read is another one on disk than the snapshot
// knows. An ALTER TABLE that rewrites it, or a TRUNCATE, leaves nothing in it that an older
// snapshot sees. The lock of what was read keeps the answer true.
func rewritten(ctx context.Context, conn *pgconn.PgConn, p *plan) error {
	t, err := query(ctx, conn, `
SELECT string_agg(DISTINCT n.name, ', ')
FROM unnest($1::text[]) n(name)
CROSS JOIN LATERAL (SELECT to_regclass(n.name) UNION SELECT relid FROM pg_partition_tree(to_regclass(n.name))) l(oid)
LEFT JOIN pg_class c ON c.oid = l.oid
WHERE c.oid IS NULL OR c.relkind = 'r' AND c.relfilenode <> pg_relation_filenode(c.oid)`, textArray(p.tables()))
	if err != nil {
		return err
	}
	if names := t.rows[0][0]; names != nil {
		return fmt.Errorf("%w: rewritten is %s", source.ErrSnapshot, names)
	}
	return nil
}

// Read reads roots by their keys. The position does not say that every commit before it
// is read: one that waits for a synchronous standby is in the log before others see it. What
// Stream has handed over is always read.
func (s *Source) Read(ctx context.Context, q source.Query, keys [][]any) ([]source.Record, source.Position, error) {
	for try := 1; ; try++ {
		known, err := s.catalog(ctx)
		if err != nil {
			return nil, 0, err
		}
		p, err := known.plan(q)
		if err != nil {
			return nil, 0, err
		}
		at, err := s.lsn(ctx, "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END")
		if err != nil {
			return nil, 0, err
		}
		var all []source.Record
		err = s.reading(ctx, begin, p, func(conn *pgconn.PgConn) error {
			all, err = s.byKey(ctx, conn, p, keys)
			return err
		})
		if errors.Is(err, source.ErrSnapshot) && try < rewrites {
			s.forgetCatalog()
			continue
		}
		return all, at, err
	}
}

func (s *Source) byKey(ctx context.Context, conn *pgconn.PgConn, p *plan, keys [][]any) ([]source.Record, error) {
	types := make([]string, len(p.query.Key))
	var on []string
	for n, k := range p.query.Key {
		types[n] = p.root.of.cast[k]
		on = append(on, fmt.Sprintf("r.%s = p.k%d", quote(k), n+1))
	}
	params, err := columns(keys, len(types))
	if err != nil {
		return nil, err
	}
	roots, err := query(ctx, conn, fmt.Sprintf("SELECT %s FROM %s JOIN %s ON %s ORDER BY p.ord",
		list("r", p.root.read), given(types), p.from(), strings.Join(on, " AND ")), params...)
	if err != nil {
		return nil, err
	}
	return s.records(ctx, conn, p, roots)
}

// columns turns rows of values into an array of texts for each column.
func columns(rows [][]any, width int) ([][]byte, error) {
	all := make([][][]byte, width)
	for _, row := range rows {
		if len(row) != width {
			return nil, fmt.Errorf("a key has %d values, not %d", width, len(row))
		}
		for n, v := range row {
			b, err := text(v)
			if err != nil {
				return nil, err
			}
			all[n] = append(all[n], b)
		}
	}
	params := make([][]byte, width)
	for n := range all {
		params[n] = textArray(all[n])
	}
	return params, nil
}

// place is where a row lies in the records: of Record number record, the row number row
// of its name.
type place struct{ record, row int }

// records adds to roots what belongs to them: one query for each child.
func (s *Source) records(ctx context.Context, conn *pgconn.PgConn, p *plan, roots texts) ([]source.Record, error) {
	all := make([]source.Record, len(roots.rows))
	found := map[string]texts{"": roots}
	places := map[string][]place{}
	for n, raw := range roots.rows {
		row, err := s.row(ctx, &p.root, roots.fields, raw)
		if err != nil {
			return nil, err
		}
		all[n] = source.Record{Row: row, Children: map[string][]source.Row{}}
		places[""] = append(places[""], place{record: n})
	}
	for n := range p.children {
		c := &p.children[n]
		rows, parents, err := c.under(ctx, conn, p.node(c.Of), found[c.Of])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		found[c.Name] = rows
		for n, raw := range rows.rows {
			row, err := s.row(ctx, c, rows.fields, raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			parent := places[c.Of][parents[n]]
			r := &all[parent.record]
			at := place{record: parent.record}
			if c.Of == "" {
				at.row = len(r.Children[c.Name])
				r.Children[c.Name] = append(r.Children[c.Name], row)
			} else {
				if r.Nested == nil {
					r.Nested = map[string][]source.NestedRow{}
				}
				at.row = len(r.Nested[c.Name])
				r.Nested[c.Name] = append(r.Nested[c.Name], source.NestedRow{Parent: parent.row, Row: row})
			}
			places[c.Name] = append(places[c.Name], at)
		}
	}
	return all, nil
}

// under reads the rows of a child under all rows of its parent, and the number of the
// parent of each. They come in the order of the parents, then in the child's.
func (n *node) under(ctx context.Context, conn *pgconn.PgConn, parent *node, rows texts) (children texts, parents []int, err error) {
	links := make([][][]byte, len(n.On))
	types, on := make([]string, len(n.On)), make([]string, len(n.On))
	var linked []int // parents that have no NULL among what links them
	for at, row := range rows.rows {
		values := make([][]byte, len(n.On))
		for i, o := range n.On {
			values[i] = row[slices.Index(parent.read, o.Parent)]
		}
		if slices.ContainsFunc(values, func(v []byte) bool { return v == nil }) {
			continue
		}
		linked = append(linked, at)
		for i, v := range values {
			links[i] = append(links[i], v)
		}
	}
	if len(linked) == 0 {
		return texts{}, nil, nil
	}
	params := make([][]byte, len(n.On))
	for i, o := range n.On {
		types[i] = parent.of.cast[o.Parent]
		on[i] = fmt.Sprintf("c.%s = p.k%d", quote(o.Child), i+1)
		params[i] = textArray(links[i])
	}
	sql := "SELECT p.ord"
	if len(n.read) > 0 {
		sql += ", " + list("c", n.read)
	}
	got, err := query(ctx, conn, fmt.Sprintf("%s FROM %s JOIN %s c ON %s ORDER BY p.ord%s",
		sql, given(types), n.of.name, strings.Join(on, " AND "), n.order()), params...)
	if err != nil || len(got.rows) == 0 {
		return texts{}, nil, err
	}
	children.fields = got.fields[1:]
	var before []byte
	seen := map[string]bool{}
	for _, row := range got.rows {
		ord, err := strconv.Atoi(string(row[0]))
		if err != nil {
			return texts{}, nil, fmt.Errorf("number of a row: %w", err)
		}
		if n.Distinct {
			if !bytes.Equal(before, row[0]) {
				clear(seen)
			}
			before = row[0]
			id := identity(row[1:])
			if seen[id] {
				continue
			}
			seen[id] = true
		}
		children.rows = append(children.rows, row[1:])
		parents = append(parents, linked[ord-1])
	}
	return children, parents, nil
}

// identity is the same for rows that are equal.
func identity(row [][]byte) string {
	var b strings.Builder
	for _, v := range row {
		if v == nil {
			b.WriteByte('-')
		} else {
			fmt.Fprintf(&b, "%d:", len(v))
			b.Write(v)
		}
	}
	return b.String()
}

// row reads the columns of a row that were asked for.
func (s *Source) row(ctx context.Context, n *node, fields []pgconn.FieldDescription, raw [][]byte) (source.Row, error) {
	row := make(source.Row, n.wanted)
	for i, c := range n.read[:n.wanted] {
		v, err := s.value(ctx, fields[i].DataTypeOID, raw[i])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c, err)
		}
		row[c] = v
	}
	return row, nil
}
