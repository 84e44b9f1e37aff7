package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// generated columns do not come through the stream: whoever needs one reads the row, and a
// link cannot be one.
func generated(ctx context.Context, i *inspection) ([]Finding, error) {
	schema, err := i.source.Schema(ctx)
	if err != nil {
		return nil, err
	}
	var all []Finding
	for _, name := range i.mapped() {
		for _, c := range schema[name].Columns {
			if !c.Generated {
				continue
			}
			links := slices.ContainsFunc(i.needs.Links, func(l Link) bool { return l.Table == name && slices.Contains(l.Columns, c.Name) })
			switch {
			case links:
				all = append(all, Finding{Status: Blocked, Table: name, Column: c.Name, Detail: "the database computes it, and does not send it with a change: it cannot link",
					Do: "Link by the columns that it is computed from."})
			case slices.Contains(i.needs.Tables[name], c.Name):
				all = append(all, Finding{Status: Warning, Table: name, Column: c.Name, Detail: "the database computes it: it is read, and cannot be written back", Do: "Map it only if nothing else has the value."})
			}
		}
	}
	return all, nil
}

// large values are looked for in a sample of each table.
func large(ctx context.Context, i *inspection) ([]Finding, error) {
	schema, err := i.source.Schema(ctx)
	if err != nil {
		return nil, err
	}
	var all []Finding
	for _, name := range i.mapped() {
		var columns, sized []string
		for _, c := range schema[name].Columns {
			if !slices.Contains(i.needs.Tables[name], c.Name) || !mayBeLarge(c.Type) {
				continue
			}
			bytes := "s." + pgx.Identifier{c.Name}.Sanitize()
			if c.Type != "bytea" {
				bytes += "::text"
			}
			columns, sized = append(columns, c.Name), append(sized, "coalesce(max(octet_length("+bytes+")), 0)::bigint")
		}
		if len(columns) == 0 {
			continue
		}
		sizes, err := i.sizes(ctx, i.relation[name], sized)
		if err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
		for n, c := range columns {
			f := Finding{Table: name, Column: c, Detail: fmt.Sprintf("in a sample there is a value of %d bytes", sizes[n]), Do: "Drop the column by name, or cut its values."}
			switch {
			case sizes[n] > tooLarge:
				f.Status = Blocked
				f.Detail += fmt.Sprintf("; a document may have %d in all", tooLarge)
				all = append(all, f)
			case sizes[n] > largeValue:
				f.Status = Warning
				all = append(all, f)
			}
		}
	}
	return all, nil
}

func mayBeLarge(kind string) bool {
	return slices.Contains([]string{"bytea", "text", "json", "jsonb", "xml", "character varying"}, kind) || strings.HasSuffix(kind, "[]")
}

// sizes gives what expressions over rows s come to, for some rows from all over the table.
func (i *inspection) sizes(ctx context.Context, r relation, expressions []string) ([]int64, error) {
	percent := 100.0
	if r.rows > sampleRows {
		percent = 100 * sampleRows / r.rows
	}
	sizes := make([]int64, len(expressions))
	targets := make([]any, len(expressions))
	for n := range sizes {
		targets[n] = &sizes[n]
	}
	sql := fmt.Sprintf("SELECT %s FROM (SELECT * FROM %s TABLESAMPLE SYSTEM (%g) LIMIT %d) s", strings.Join(expressions, ", "), r.quoted, percent, sampleRows)
	return sizes, i.conn.QueryRow(ctx, sql).Scan(targets...)
}

// indexes are those by which a chunk finds the rows of its documents.
func indexes(ctx context.Context, i *inspection) ([]Finding, error) {
	var all []Finding
	for _, l := range i.needs.Links {
		r, ok := i.relation[l.Table]
		if !ok || len(l.Columns) == 0 {
			continue
		}
		var there bool
		err := i.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = $1 AND x.indisvalid AND x.indpred IS NULL
			AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM unnest(x.indkey) WITH ORDINALITY k(attnum, ord)
				JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum WHERE k.ord <= $3) = $2::text[])`,
			r.oid, slices.Sorted(slices.Values(l.Columns)), len(l.Columns)).Scan(&there)
		if err != nil {
			return all, fmt.Errorf("%s: %w", l.Table, err)
		}
		if !there {
			var names []string
			for _, c := range l.Columns {
				names = append(names, pgx.Identifier{c}.Sanitize())
			}
			all = append(all, Finding{Status: Warning, Table: l.Table, Detail: "no index begins with " + strings.Join(l.Columns, ", ") + ": each chunk and each change reads the whole table",
				Do: fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s);", r.quoted, strings.Join(names, ", "))})
		}
	}
	return all, nil
}
