package customers

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	legacy "tienda/monolith/shop"
)

// Querier is a connection, a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// LookAtTables reads the same from the tables of the monolith.
func LookAtTables(ctx context.Context, db Querier) (Seen, error) {
	s := Seen{Orders: map[string][]SeenOrder{}, People: map[string][]SeenPerson{}, Tickets: map[string]int{}, Messages: map[string]int{}, Returns: map[string]int{}}
	for _, look := range []struct {
		sql string
		row func(pgx.Rows) error
	}{
		{`SELECT note, number, status, (gross * 100)::bigint,
			coalesce((SELECT array_agg(concat_ws(' ', sku, qty) ORDER BY line_no) FROM order_lines WHERE order_id = o.id), '{}') FROM orders o WHERE note IS NOT NULL`, func(r pgx.Rows) error {
			var note string
			var status int
			var o SeenOrder
			err := r.Scan(&note, &o.Number, &status, &o.Total, &o.Lines)
			o.Status = legacy.StatusName(status)
			s.Orders[note] = append(s.Orders[note], o)
			return err
		}},
		{`SELECT lower(btrim(email)), btrim(full_name), recipient, street, city, zip, country, lang, newsletter = 'S' FROM customers c
			LEFT JOIN addresses a ON a.customer_id = c.id AND is_default LEFT JOIN customer_preferences p ON p.customer_id = c.id`, func(r pgx.Rows) error {
			var email string
			var p SeenPerson
			var recipient, street, city, zip, country, language *string
			var marketing *bool
			err := r.Scan(&email, &p.Name, &recipient, &street, &city, &zip, &country, &language, &marketing)
			if recipient != nil {
				p.Address = &Address{*recipient, *street, *city, *zip, *country}
			}
			if language != nil {
				p.Settings = &Settings{*language, *marketing}
			}
			s.People[email] = append(s.People[email], p)
			return err
		}},
		{"SELECT subject, count(*) FROM tickets GROUP BY subject", counted(s.Tickets)},
		{"SELECT subject || E'\\n' || body, count(*) FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id GROUP BY 1", counted(s.Messages)},
		{"SELECT concat_ws(' ', o.number, l.sku, l.qty), count(*) FROM returns r JOIN orders o ON o.id = r.order_id JOIN return_lines l ON l.return_id = r.id GROUP BY 1", counted(s.Returns)},
	} {
		if err := each(ctx, db, look.sql, look.row); err != nil {
			return s, err
		}
	}
	return s, nil
}

func counted(in map[string]int) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		var what string
		var n int
		err := r.Scan(&what, &n)
		in[what] = n
		return err
	}
}

// TableStock reads what may still be sold of each SKU from the tables of the monolith.
func TableStock(ctx context.Context, db Querier) (map[string]int64, error) {
	out := map[string]int64{}
	return out, each(ctx, db, "SELECT sku, quantity FROM inventory i JOIN product_variants v ON v.id = i.variant_id", func(r pgx.Rows) error {
		var sku string
		var n int64
		err := r.Scan(&sku, &n)
		out[sku] = n
		return err
	})
}

func each(ctx context.Context, db Querier, sql string, row func(pgx.Rows) error) error {
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return fmt.Errorf("monolith: %s: %w", strings.Fields(sql)[1], err)
		}
	}
	return rows.Err()
}
