package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tienda/services/migration/internal/source"
)

// PublicationError says that the publication does not have what is to be followed. The
// migration's role cannot change that: the owner of the tables has to run SQL.
type PublicationError struct {
	Name     string
	Missing  bool                // there is no such publication
	Problems []PublicationDefect // by table; those of the whole publication first
	SQL      []string            // statements that put it right, in order
}

// PublicationDefect is one thing that is wrong with a publication.
type PublicationDefect struct {
	Table  string // "": the whole publication
	Detail string
	SQL    string // what puts it right
}

// Error names the defects and the SQL.
func (e *PublicationError) Error() string {
	var details []string
	for _, d := range e.Problems {
		details = append(details, strings.TrimSpace(d.Table+" "+d.Detail))
	}
	return fmt.Sprintf("publication %s: %s; as the owner of the tables run: %s", e.Name, strings.Join(details, "; "), strings.Join(e.SQL, " "))
}

func (e *PublicationError) add(table, detail, sql string) {
	e.Problems = append(e.Problems, PublicationDefect{table, detail, sql})
	if sql != "" && !slices.Contains(e.SQL, sql) {
		e.SQL = append(e.SQL, sql)
	}
}

// Publication checks that the publication has all changes of the tables, in all their
// rows and columns. A *PublicationError says what is missing.
func (s *Source) Publication(ctx context.Context, tables []string) error {
	known, err := s.catalog(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, name := range tables {
		t, err := known.table(name)
		if err != nil {
			return err
		}
		names = append(names, t.name)
	}
	slices.Sort(names)
	quoted := pgx.Identifier{s.config.Publication}.Sanitize()
	e := &PublicationError{Name: s.config.Publication}
	var operations, viaRoot bool
	err = s.aside.QueryRow(ctx, `SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot FROM pg_publication WHERE pubname = $1`,
		s.config.Publication).Scan(&operations, &viaRoot)
	if errors.Is(err, pgx.ErrNoRows) {
		e.Missing = true
		e.add("", "is not there", fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s WITH (publish_via_partition_root = true);", quoted, strings.Join(names, ", ")))
		return e
	}
	if err != nil {
		return fmt.Errorf("publication: %w", err)
	}
	if !operations {
		e.add("", "leaves out some of insert, update, delete and truncate", fmt.Sprintf("ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate');", quoted))
	}
	if !viaRoot {
		e.add("", "names partitions instead of their tables", fmt.Sprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = true);", quoted))
	}
	published, err := s.published(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(slices.Values(tables)) {
		t := known[name]
		again := fmt.Sprintf("ALTER PUBLICATION %s DROP TABLE %s; ALTER PUBLICATION %[1]s ADD TABLE %[2]s;", quoted, t.name)
		p, ok := published[name]
		switch {
		case !ok:
			e.add(name, "is not in it", fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s;", quoted, t.name))
		case p.Filter != "":
			e.add(name, "has a filter of rows in it", again)
		case p.Columns != nil && slices.ContainsFunc(t.Columns, func(c source.Column) bool { return !c.Generated && !slices.Contains(p.Columns, c.Name) }):
			e.add(name, "has a list of columns in it that leaves some out", again)
		}
	}
	if len(e.Problems) > 0 {
		return e
	}
	return nil
}

type published struct {
	Schema  string   `json:"schemaname"`
	Table   string   `json:"tablename"`
	Columns []string `json:"attnames"`  // since 15
	Filter  string   `json:"rowfilter"` // since 15
}

func (s *Source) published(ctx context.Context) (map[string]published, error) {
	rows, err := s.aside.Query(ctx, `SELECT to_jsonb(t)::text FROM pg_publication_tables t WHERE pubname = $1`, s.config.Publication)
	if err != nil {
		return nil, fmt.Errorf("publication: %w", err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("publication: %w", err)
	}
	all := map[string]published{}
	for _, text := range texts {
		var p published
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return nil, fmt.Errorf("publication: %w", err)
		}
		all[s.name(p.Schema, p.Table)] = p
	}
	return all, nil
}
