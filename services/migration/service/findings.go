package service

import (
	"context"
	"errors"
	"slices"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/preflight"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// Findings are all that has to be known of a database before it is moved by a mapping:
// what the mapping is found to lack, and what the server is. It fails closed.
func Findings(ctx context.Context, c postgres.Config, m *mapping.Mapping, schemas mapping.Contracts) []progress.Finding {
	out := mapped(ctx, c, m, schemas)
	for _, f := range preflight.Run(ctx, c, needs(m)).Findings {
		out = append(out, progress.Finding{
			Check: f.Check, Level: progress.Level(f.Status), Table: f.Table, Column: f.Column, Detail: f.Detail, Do: f.Do,
		})
	}
	return out
}

// mapped holds the mapping to the live schema.
func mapped(ctx context.Context, c postgres.Config, m *mapping.Mapping, schemas mapping.Contracts) (out []progress.Finding) {
	blocked := func(detail, do string) {
		out = append(out, progress.Finding{Check: "mapping", Level: progress.Blocked, Detail: detail, Do: do})
	}
	db, err := postgres.Open(ctx, c)
	if err != nil {
		blocked("The source does not answer, so that the mapping is held to nothing.", "Look at the DSN, at the server and at the log.")
		return out
	}
	defer db.Close()
	schema, err := db.Schema(ctx)
	if err != nil {
		blocked("The schema of the source cannot be read.", "Give the role the right to read the catalog.")
		return out
	}
	var found mapping.Problems
	switch err := m.Check(schema, schemas); {
	case err == nil:
		out = append(out, values(ctx, db, schema, m), progress.Finding{Check: "mapping", Level: progress.OK, Detail: "Every table and column of the source is mapped or dropped by name, and every document has the fields that its owner needs."})
	case errors.As(err, &found):
		for _, p := range found {
			blocked(p.String(), "Change the mapping "+m.Name+" and start the migration again.")
		}
	default:
		blocked(err.Error(), "Change the mapping "+m.Name+" and start the migration again.")
	}
	return out
}

// sampled is how many rows of a table are looked at for what may only be dropped.
const sampled = 1000

// values looks for card numbers under harmless names.
func values(ctx context.Context, db source.Source, schema source.Schema, m *mapping.Mapping) progress.Finding {
	f := progress.Finding{Check: "secrets", Level: progress.OK, Detail: "No column that is read holds card numbers, in the first 1,000 rows of each table."}
	snap, err := db.Now(ctx)
	if err == nil {
		defer snap.Close()
		err = m.CheckValues(ctx, func(ctx context.Context, table string, columns []string) (rows []source.Row, err error) {
			key := schema[table].Key
			if len(key) == 0 {
				key = columns
			}
			records, err := snap.Chunk(ctx, source.Query{Table: table, Columns: columns, Key: key}, nil, nil, sampled)
			for _, r := range records {
				rows = append(rows, r.Row)
			}
			return rows, err
		})
	}
	if found := (mapping.Problems)(nil); errors.As(err, &found) {
		f.Level, f.Detail, f.Do = progress.Blocked, found.Error(), "Drop the column by name in the mapping "+m.Name+" and start the migration again."
	} else if err != nil {
		f.Level, f.Detail, f.Do = progress.Blocked, "The values of the source cannot be looked at.", "Look at the rights of the role and at the log."
	}
	return f
}

// needs are the tables and columns that a mapping reads, and what must be known of a
// row of them that was deleted or moved.
func needs(m *mapping.Mapping) preflight.Needs {
	n := preflight.Needs{Tables: map[string][]string{}}
	read := func(table string, columns ...string) {
		for _, c := range columns {
			if !slices.Contains(n.Tables[table], c) {
				n.Tables[table] = append(n.Tables[table], c)
			}
		}
	}
	for _, k := range m.Kinds() {
		q := k.Query()
		read(q.Table, append(slices.Clone(q.Key), q.Columns...)...)
		n.Links = append(n.Links, preflight.Link{Table: q.Table, Columns: q.Key})
		for _, c := range q.Children {
			read(c.Table, c.Columns...)
			n.Links = append(n.Links, preflight.Link{Table: c.Table, Columns: childColumns(c)})
			read(c.Table, childColumns(c)...)
		}
	}
	return n
}

func childColumns(c source.Child) (columns []string) {
	for _, on := range c.On {
		columns = append(columns, on.Child)
	}
	return columns
}
