package preflight

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tienda/services/migration/internal/postgres"
)

// tables says which mapped tables and columns are not there.
func tables(ctx context.Context, i *inspection) ([]Finding, error) {
	schema, err := i.source.Schema(ctx)
	if err != nil {
		return nil, err
	}
	var all []Finding
	if len(i.needs.Tables) == 0 {
		all = append(all, Finding{Status: Blocked, Detail: "no table is mapped", Do: "Write a mapping first."})
	}
	columns := map[string][]string{}
	for t, c := range i.needs.Tables {
		columns[t] = append(columns[t], c...)
	}
	for _, l := range i.needs.Links {
		columns[l.Table] = append(columns[l.Table], l.Columns...)
	}
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		t, ok := schema[name]
		if !ok {
			all = append(all, Finding{Status: Blocked, Table: name, Detail: "there is no such table", Do: "Correct the mapping, or its schema."})
			continue
		}
		if i.relation[name].parted {
			all = append(all, Finding{Status: Warning, Table: name, Detail: "it has partitions: that one of them is truncated, detached or dropped does not come through the stream",
				Do: "Delete rows instead while the migration lasts, or repair after a verification."})
		}
		there := map[string]bool{}
		for _, c := range t.Columns {
			there[c.Name] = true
		}
		slices.Sort(columns[name])
		for _, c := range slices.Compact(columns[name]) {
			if !there[c] {
				all = append(all, Finding{Status: Blocked, Table: name, Column: c, Detail: "there is no such column", Do: "Correct the mapping."})
			}
		}
	}
	return all, nil
}

// rights are those to read, and those that the role had better not have.
func rights(ctx context.Context, i *inspection) ([]Finding, error) {
	var all []Finding
	for _, name := range i.mapped() {
		r := i.relation[name]
		var user, schema string
		var usage, reads, writes, hidden bool
		err := i.conn.QueryRow(ctx, `SELECT current_user, quote_ident(n.nspname), has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),
			has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE'),
			row_security_active(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1`, r.oid).
			Scan(&user, &schema, &usage, &reads, &writes, &hidden)
		if err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
		user = pgx.Identifier{user}.Sanitize()
		if !usage {
			all = append(all, Finding{Status: Blocked, Table: name, Detail: "the role may not use its schema", Do: fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", schema, user)})
		}
		if !reads {
			all = append(all, Finding{Status: Blocked, Table: name, Detail: "the role may not read it", Do: fmt.Sprintf("GRANT SELECT ON %s TO %s;", r.quoted, user)})
		}
		if hidden {
			all = append(all, Finding{Status: Blocked, Table: name, Detail: "row-level security hides rows from the role", Do: fmt.Sprintf("ALTER ROLE %s BYPASSRLS;", user)})
		}
		if writes {
			all = append(all, Finding{Status: Warning, Table: name, Detail: "the role may write it, which the migration never does",
				Do: fmt.Sprintf("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %s;", r.quoted, user)})
		}
	}
	return all, nil
}

func publication(ctx context.Context, i *inspection) ([]Finding, error) {
	err := i.source.Publication(ctx, i.mapped())
	lacks := new(postgres.PublicationError)
	if !errors.As(err, &lacks) {
		return nil, err
	}
	var all []Finding
	for _, d := range lacks.Problems {
		all = append(all, Finding{Status: Blocked, Table: d.Table, Detail: strings.TrimSpace("the publication " + lacks.Name + ": " + d.Detail), Do: d.SQL})
	}
	return all, nil
}

// The columns that the log has of a deleted row, for the table or each of its partitions.
const identitySQL = `
SELECT l.oid::regclass::text, c.relreplident::text, coalesce(array_agg(a.attname::text) FILTER (WHERE a.attname IS NOT NULL), '{}')
FROM (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_tree($1::oid)) l
JOIN pg_class c ON c.oid = l.oid AND c.relkind = 'r'
LEFT JOIN pg_index x ON x.indrelid = c.oid AND x.indimmediate AND (c.relreplident = 'd' AND x.indisprimary OR c.relreplident = 'i' AND x.indisreplident)
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])
GROUP BY 1, 2 ORDER BY 1`

// identity says of which deleted or moved rows the stream would not say whose they were.
// Without any, updates and deletes are refused once the table is published: that would
// stop the shop.
func identity(ctx context.Context, i *inspection) ([]Finding, error) {
	links := map[string][]string{}
	for _, l := range i.needs.Links {
		links[l.Table] = append(links[l.Table], l.Columns...)
	}
	var all []Finding
	for _, name := range i.mapped() {
		found, err := i.conn.Query(ctx, identitySQL, i.relation[name].oid)
		if err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
		var physical, kind string
		var columns []string
		_, err = pgx.ForEachRow(found, []any{&physical, &kind, &columns}, func() error {
			full := fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL;", physical)
			if kind == "f" {
				return nil
			}
			if len(columns) == 0 {
				all = append(all, Finding{Status: Blocked, Table: name, Detail: physical + " has neither a primary key nor a replica identity: once it is published, updates and deletes of it are refused", Do: full})
				return nil
			}
			for _, c := range slices.Compact(slices.Sorted(slices.Values(links[name]))) {
				if !slices.Contains(columns, c) {
					all = append(all, Finding{Status: Blocked, Table: name, Column: c, Detail: "a deleted row of " + physical + " does not say which document it belonged to: its replica identity has not the column", Do: full})
				}
			}
			return nil
		})
		if err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

func unmapped(_ context.Context, i *inspection) ([]Finding, error) {
	var all []Finding
	for _, c := range i.needs.Unmapped {
		table, column := "", c
		if n := strings.LastIndex(c, "."); n >= 0 {
			table, column = c[:n], c[n+1:]
		}
		all = append(all, Finding{Status: Blocked, Table: table, Column: column, Detail: "the mapping says nothing of it", Do: "Map it, or drop it by name."})
	}
	return all, nil
}

// rows are the server's estimates.
func rows(_ context.Context, i *inspection) ([]Finding, error) {
	var all []Finding
	for name := range i.needs.Tables {
		if _, ok := i.relation[name]; !ok {
			all = append(all, Finding{Status: Blocked, Table: name, Detail: "there is no such table", Do: "Correct the mapping, or its schema."})
		}
	}
	for _, name := range i.mapped() {
		r := i.relation[name]
		if r.rows < 0 {
			all = append(all, Finding{Status: Warning, Table: name, Detail: "how many rows it has was never counted", Do: "ANALYZE " + r.quoted + ";"})
			continue
		}
		all = append(all, Finding{Status: OK, Table: name, Detail: fmt.Sprintf("about %.0f rows", r.rows)})
	}
	return all, nil
}
