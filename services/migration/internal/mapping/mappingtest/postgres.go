package mappingtest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"tienda/services/migration/internal/source"
)

const catalogue = `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '',
	coalesce((SELECT array_position(i.indkey::int2[], a.attnum) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary), -1)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname, a.attnum`

// Read reads the schema public of a database, with all rows.
func Read(ctx context.Context, conn *pgx.Conn) (*Data, error) {
	d := &Data{Schema: source.Schema{}, Rows: map[string][]source.Row{}}
	rows, err := conn.Query(ctx, catalogue)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	keys := map[string]map[int]string{}
	for rows.Next() {
		var name string
		var c source.Column
		var place int
		if err := rows.Scan(&name, &c.Name, &c.Type, &c.NotNull, &c.Generated, &place); err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		t := d.Schema[name]
		t.Columns = append(t.Columns, c)
		d.Schema[name] = t
		if keys[name] == nil {
			keys[name] = map[int]string{}
		}
		if place >= 0 {
			keys[name][place] = c.Name
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	for name, places := range keys {
		t := d.Schema[name]
		for i := 0; len(t.Key) < len(places); i++ {
			if column, ok := places[i]; ok {
				t.Key = append(t.Key, column)
			}
		}
		d.Schema[name] = t
		if d.Rows[name], err = readTable(ctx, conn, name, t); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return d, nil
}

func readTable(ctx context.Context, conn *pgx.Conn, name string, t source.Table) ([]source.Row, error) {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = pgx.Identifier{c.Name}.Sanitize() + "::text"
	}
	rows, err := conn.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+pgx.Identifier{name}.Sanitize())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []source.Row
	for rows.Next() {
		texts := make([]*string, len(columns))
		targets := make([]any, len(columns))
		for i := range texts {
			targets[i] = &texts[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		values := map[string]*string{}
		for i, c := range t.Columns {
			values[c.Name] = texts[i]
		}
		row, err := Row(t, values)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
