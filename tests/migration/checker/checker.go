// Package checker compares the database of a monolith with the shop that its rows were
// moved into. It shares no code with the migration: it reads the source by queries of its
// own, and the shop as its customers and its staff do, through the gateway's public routes.
package checker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Facts are what one side says of a thing, as text: amounts in minor units with their
// currency, times in UTC with microseconds. "" is a fact that is not there.
type Facts map[string]string

// found are the things of one kind by key. A key has more than one where a thing is there
// more than once.
type found map[string][]Facts

func (f found) add(key string, is Facts) { f[key] = append(f[key], is) }

// query reads the things of one kind from a source: the first column is the key, the
// others are facts, all of them text. A column that ends in "_id", and a key that has a
// colon, are keys of rows ("orders:12"), which the shop knows by the IDs that are derived
// of them.
type query struct{ kind, sql string }

// Source is what is compared of a monolith's database. A fact that it does not state is
// not compared.
type Source struct {
	queries []query
	// days is the SQL of the first and the last day of the orders.
	days string
	// staff says that the accounts of the shop's staff are the source's too.
	staff bool
}

// Querier is a connection, a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Check gives each difference between the source and the shop as a line: what is lost,
// what is there more than once, what the source does not have, and what is not the same. An
// error says that it could not look.
func Check(ctx context.Context, db Querier, is Source, shop *Shop) (differences []string, err error) {
	from, to, err := days(ctx, db, is.days)
	if err != nil {
		return nil, err
	}
	here := map[string]found{}
	for _, q := range is.queries {
		there, err := q.read(ctx, db)
		if err != nil {
			return nil, err
		}
		if here[q.kind] == nil {
			look := shop.look(q.kind, from, to)
			if look == nil {
				return nil, fmt.Errorf("check: nobody knows how the shop shows %s", q.kind)
			}
			if err := look(ctx, here); err != nil {
				return nil, fmt.Errorf("check of %s: %w", q.kind, err)
			}
		}
		if q.kind == account && !is.staff {
			shop.forget(here[account], there)
		}
		differences = append(differences, compare(q.kind, there, here[q.kind])...)
	}
	return differences, nil
}

// space is that of the IDs that are derived of the source's keys.
var space = uuid.MustParse("c2348442-43c1-4ade-a869-dc97a56cd570")

// ID gives the ID that the shop has for a row: of "orders:12".
func ID(key string) string { return uuid.NewSHA1(space, []byte(key)).String() }

func (q query) read(ctx context.Context, db Querier) (found, error) {
	rows, err := db.Query(ctx, q.sql)
	if err != nil {
		return nil, fmt.Errorf("source of %s: %w", q.kind, err)
	}
	defer rows.Close()
	out := found{}
	for rows.Next() {
		values := make([]*string, len(rows.FieldDescriptions()))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("source of %s: %w", q.kind, err)
		}
		key, is := "", Facts{}
		for i, column := range rows.FieldDescriptions() {
			text := ""
			if values[i] != nil {
				text = *values[i]
			}
			switch {
			case i == 0:
				key = text
				if row, rest, _ := strings.Cut(text, " "); strings.Contains(row, ":") {
					key = strings.TrimSpace(ID(row) + " " + rest)
				}
			case strings.HasSuffix(column.Name, "_id") && text != "":
				is[column.Name] = ID(text)
			default:
				is[column.Name] = text
			}
		}
		out.add(key, is)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("source of %s: %w", q.kind, err)
	}
	return out, nil
}

func days(ctx context.Context, db Querier, sql string) (from, to string, err error) {
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return "", "", fmt.Errorf("days of the orders: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&from, &to); err != nil {
			return "", "", fmt.Errorf("days of the orders: %w", err)
		}
	}
	return from, to, rows.Err()
}

// compare gives the differences between the two sides of a kind, by key.
func compare(kind string, there, here found) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(there)) {
		a, b := there[key], here[key]
		what := kind + " " + key
		switch {
		case len(b) == 0:
			lines = append(lines, what+": lost")
		case len(a) != len(b):
			lines = append(lines, fmt.Sprintf("%s: %d times in the source, %d times in the shop", what, len(a), len(b)))
		case len(a) == 1:
			for _, name := range slices.Sorted(maps.Keys(a[0])) {
				if a[0][name] != b[0][name] {
					lines = append(lines, fmt.Sprintf("%s: %s: %q in the source, %q in the shop", what, name, a[0][name], b[0][name]))
				}
			}
		default:
			if x, y := texts(a, a[0]), texts(b, a[0]); !slices.Equal(x, y) {
				lines = append(lines, fmt.Sprintf("%s: %q in the source, %q in the shop", what, x, y))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(here)) {
		if len(there[key]) == 0 {
			lines = append(lines, fmt.Sprintf("%s %s: not in the source", kind, key))
		}
	}
	return lines
}

// texts writes facts with the names of like, in an order of their own.
func texts(all []Facts, like Facts) []string {
	out := make([]string, len(all))
	for i, is := range all {
		for _, name := range slices.Sorted(maps.Keys(like)) {
			out[i] += fmt.Sprintf("%s=%s ", name, is[name])
		}
	}
	slices.Sort(out)
	return out
}
