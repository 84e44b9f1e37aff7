// Package generator fills the monolith's database with a shop that has been trading for
// years. The rows follow from the size and the seed alone.
package generator

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // Madrid is known wherever this runs

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"tienda/monolith/schema"
)

// MaxSize is the largest size that the ranges of IDs are made for.
const MaxSize = 10_000_000

// Options say which rows. The same ones give the same rows.
type Options struct {
	Size int    // customers, at least 1; about 4 times as many orders, twice as many SKUs
	Seed uint64 //
	Odd  int    // so many of each sort of row that cannot be moved; see Rejected
}

// Rejected is a document that cannot be moved, and why.
type Rejected struct {
	Kind string `json:"kind"` // of document: "users"
	Key  int64  `json:"key"`  // of its row in customers, products, orders or tickets; of a stock, in product_variants
	Why  string `json:"why"`
}

// Report is what was made.
type Report struct {
	Rows     map[string]int64 `json:"rows"`     // by table
	Rejected []Rejected       `json:"rejected"` // by sort, then by key
}

// table is the rows of one table.
type table struct {
	name    string
	columns []string
	rows    iter.Seq[[]any]
}

type generator struct {
	Options
	zone     *time.Location
	variants []variant // all that is on sale, by ID
	begins   []int     // of each product, by ID - 1: where its variants begin in variants
}

// Filled says whether the database has rows.
func Filled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM categories)").Scan(&there); err != nil {
		return false, fmt.Errorf("rows of the monolith: %w", err)
	}
	return there, nil
}

// Count gives the rows of all tables by name.
func Count(ctx context.Context, conn *pgx.Conn) (map[string]int64, error) {
	rows := map[string]int64{}
	for _, name := range append(schema.Mapped(), schema.Dropped()...) {
		var n int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+pgx.Identifier{name}.Sanitize()).Scan(&n); err != nil {
			return nil, fmt.Errorf("rows of %s: %w", name, err)
		}
		rows[name] = n
	}
	return rows, nil
}

// Customers gives the ID up to which all customers can be moved: odd ones come behind
// the others.
func Customers(ctx context.Context, conn *pgx.Conn) (id int64, err error) {
	err = conn.QueryRow(ctx, "SELECT coalesce((SELECT min(id) - 1 FROM customers WHERE strpos(email, '@') = 0), (SELECT max(id) FROM customers), 0)").Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("customers: %w", err)
	}
	return id, nil
}

// Fill writes the rows into empty tables, all or none.
func Fill(ctx context.Context, conn *pgx.Conn, o Options) (Report, error) {
	if o.Size < 1 || o.Size > MaxSize || o.Odd < 0 || o.Odd > o.Size {
		return Report{}, fmt.Errorf("size %d and %d odd rows: a size from 1 to %d is possible, and at most as many odd ones", o.Size, o.Odd, MaxSize)
	}
	zone, err := time.LoadLocation(schema.Zone)
	if err != nil {
		return Report{}, fmt.Errorf("time zone: %w", err)
	}
	g := &generator{Options: o, zone: zone}
	g.stockUp()
	report := Report{Rows: map[string]int64{}, Rejected: g.rejected()}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, t := range g.tables() {
			n, err := write(ctx, tx, t)
			if err != nil {
				return err
			}
			report.Rows[t.name] = n
		}
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	if _, err := conn.Exec(ctx, "ANALYZE "+strings.Join(slices.Sorted(maps.Keys(report.Rows)), ", ")); err != nil {
		return Report{}, fmt.Errorf("analyze: %w", err)
	}
	return report, nil
}

// tables are all that get rows, parents before what points at them.
func (g *generator) tables() []table {
	return []table{
		{"staff", []string{"id", "email", "full_name", "role", "pass_hash", "active", "hired_on"}, g.staff},
		{"customers", []string{"id", "email", "full_name", "phone", "pass_format", "pass_hash", "pass_salt", "blocked", "created_at", "last_seen"}, g.customers},
		{"customer_preferences", []string{"customer_id", "currency", "lang", "newsletter"}, g.preferences},
		{"addresses", []string{"id", "customer_id", "is_default", "recipient", "street", "street2", "city", "region", "zip", "country", "phone"}, g.addresses},
		{"sessions", []string{"token", "customer_id", "expires_at"}, g.sessions},
		{"categories", []string{"id", "parent_id", "slug", "title", "title_en", "sort_order"}, g.categories},
		{"products", []string{"id", "slug", "lang", "title", "long_text", "brand", "category_id", "tax_class", "active", "image_url", "created_at"}, g.products},
		{"product_variants", []string{"id", "product_id", "sku", "barcode", "color", "size", "weight", "price", "sort_order"}, g.productVariants},
		{"price_history", []string{"id", "variant_id", "price", "changed_at"}, g.priceHistory},
		{"inventory", []string{"variant_id", "warehouse", "quantity", "reorder_at", "counted_at"}, g.inventory},
		{"orders", orderColumns, g.orderRows},
		{"order_lines", []string{"id", "order_id", "line_no", "product_id", "variant_id", "sku", "title", "variant", "qty", "unit_price", "line_total"}, g.orderLines},
		{"payments", []string{"id", "order_id", "method", "state", "amount", "paid", "refunded", "card_number", "card_holder", "card_expiry", "provider_ref", "updated_at"}, g.payments},
		{"tickets", []string{"id", "customer_id", "order_id", "subject", "topic", "priority", "state", "created_at", "closed_at"}, g.tickets},
		{"ticket_messages", []string{"id", "ticket_id", "author", "staff_id", "body", "internal", "created_at"}, g.messages},
		{"returns", []string{"id", "rma", "order_id", "customer_id", "ticket_id", "state", "refund", "created_at", "closed_at"}, g.returns},
		{"return_lines", []string{"id", "return_id", "order_line_id", "sku", "qty", "reason"}, g.returnLines},
		{"audit_log", []string{"at", "actor", "action", "detail"}, g.auditLog},
	}
}

// write copies the rows, and has the sequence go on behind them.
func write(ctx context.Context, tx pgx.Tx, t table) (int64, error) {
	next, stop := iter.Pull(t.rows)
	defer stop()
	n, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, ok := next()
		if !ok {
			return nil, nil
		}
		if len(row) != len(t.columns) {
			return nil, errors.New("a row has another number of columns than the table")
		}
		return row, nil
	}))
	if err != nil {
		return n, fmt.Errorf("rows of %s: %w", t.name, err)
	}
	if t.columns[0] != "id" {
		return n, nil
	}
	name := pgx.Identifier{t.name}.Sanitize()
	if _, err := tx.Exec(ctx, "SELECT setval(pg_get_serial_sequence($1, 'id'), (SELECT coalesce(max(id), 0) + 1 FROM "+name+"), false)", t.name); err != nil {
		return n, fmt.Errorf("sequence of %s: %w", t.name, err)
	}
	return n, nil
}

// rand gives the random numbers of one row of a table: they depend on no other row.
func (g *generator) rand(table string, id int64) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(table))
	return rand.New(rand.NewPCG(g.Seed^h.Sum64(), uint64(id))) //nolint:gosec // IDs are positive
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// chance is true in so many of a hundred cases.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// decimal gives a numeric with so many digits behind the point.
func decimal(n int64, digits int32) pgtype.Numeric {
	return pgtype.Numeric{Int: big.NewInt(n), Exp: -digits, Valid: true}
}

// money gives an amount of cents as the tables have it.
func money(cents int64) pgtype.Numeric { return decimal(cents, 2) }

// or gives v, or NULL where it is empty.
func or(v string) any {
	if v == "" {
		return nil
	}
	return v
}
