package traffic

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tienda/monolith/shop"
)

// Querier is a connection, a pool or a transaction: one that stands still is best.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Check compares the ledger with the monolith's own tables, and gives each difference as
// a line: what was acknowledged and is not there, is there twice, or is other than it was
// acknowledged. An error says that it could not look.
func Check(ctx context.Context, db Querier, e Entries) (differences []string, err error) {
	c := &checker{ctx: ctx, db: db, Entries: e}
	for _, look := range []func() error{c.orders, c.prices, c.customers, c.addresses, c.tickets, c.returns, c.deletions} {
		if err := look(); err != nil {
			return nil, fmt.Errorf("check of the ledger: %w", err)
		}
	}
	return c.found, nil
}

type checker struct {
	Entries
	ctx   context.Context
	db    Querier
	found []string
}

func (c *checker) differ(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// each calls f with every row.
func (c *checker) each(f func(pgx.Rows) error, query string, args ...any) error {
	rows, err := c.db.Query(c.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// once says so if something is not there exactly once, or, of an unknown outcome, is
// there more often.
func (c *checker) once(outcome Outcome, n int, what string) (there bool) {
	if n > 1 || n == 0 && outcome == Acknowledged {
		c.differ("%s: there %d times, %s", what, n, outcome)
	}
	return n == 1
}

type foundOrder struct {
	number, email, status string
	customer, total       int64
	lines                 []string
}

func (c *checker) orders() error {
	all := map[string][]foundOrder{}
	err := c.each(func(rows pgx.Rows) error {
		var o foundOrder
		var ref string
		var status int
		err := rows.Scan(&ref, &o.number, &o.email, &status, &o.customer, &o.total, &o.lines)
		o.status = shop.StatusName(status)
		all[ref] = append(all[ref], o)
		return err
	}, `SELECT note, number, email, status, coalesce(customer_id, 0), (gross * 100)::bigint,
			coalesce((SELECT array_agg(concat_ws(' ', sku, qty, (unit_price * 100)::bigint) ORDER BY line_no) FROM order_lines WHERE order_id = o.id), '{}')
		FROM orders o WHERE starts_with(note, $1 || '-')`, c.Run)
	if err != nil {
		return err
	}
	for _, o := range c.Orders {
		found := all[o.Ref]
		delete(all, o.Ref)
		if !c.once(o.Outcome, len(found), "order "+o.Ref) || o.Outcome != Acknowledged {
			continue
		}
		var lines []string
		for _, l := range o.Lines {
			lines = append(lines, fmt.Sprintf("%s %d %d", l.SKU, l.Quantity, l.UnitPrice.Amount))
		}
		f := found[0]
		if f.number != o.Number || f.email != o.Email || f.customer != o.CustomerID || f.total != o.Total || !slices.Equal(f.lines, lines) {
			c.differ("order %s: %+v, acknowledged %+v with %v", o.Ref, f, *o, lines)
		}
		if f.status != o.Status && !slices.Contains(o.Maybe, f.status) {
			c.differ("order %s: it is %s, acknowledged %s", o.Ref, f.status, o.Status)
		}
	}
	for ref, found := range all {
		c.differ("order %s: there %d times, and nobody ordered it", ref, len(found))
	}
	return nil
}

func (c *checker) prices() error {
	deleted := map[string]bool{} // those of a product that is gone, or may be
	for _, d := range c.Deletions {
		for _, sku := range d.SKUs {
			deleted[sku] = true
		}
	}
	there := map[string]bool{}
	err := c.each(func(rows pgx.Rows) error {
		var sku string
		var cents int64
		if err := rows.Scan(&sku, &cents); err != nil {
			return err
		}
		there[sku] = true
		if p := c.Prices[sku]; p != nil && p.Cents != 0 && p.Cents != cents && !slices.Contains(p.Maybe, cents) {
			c.differ("SKU %s: it costs %d, acknowledged %d", sku, cents, p.Cents)
		}
		return nil
	}, "SELECT sku, price_cents FROM product_variants")
	for sku := range c.Prices {
		if !there[sku] && !deleted[sku] {
			c.differ("SKU %s: it is gone, and nobody deleted it", sku)
		}
	}
	return err
}

func (c *checker) customers() error {
	type person struct {
		id   int64
		name string
	}
	all := map[string][]person{}
	err := c.each(func(rows pgx.Rows) error {
		var p person
		var email string
		err := rows.Scan(&p.id, &email, &p.name)
		all[email] = append(all[email], p)
		return err
	}, "SELECT id, lower(email), full_name FROM customers WHERE starts_with(email, $1 || '-')", c.Run)
	if err != nil {
		return err
	}
	for _, p := range c.Customers {
		found := all[strings.ToLower(p.Email)]
		if c.once(p.Outcome, len(found), "customer "+p.Email) && p.Outcome == Acknowledged && (found[0] != person{p.ID, p.Name}) {
			c.differ("customer %s: %+v, acknowledged %+v", p.Email, found[0], *p)
		}
	}
	return nil
}

func (c *checker) addresses() error {
	all := map[int64]shop.Address{}
	err := c.each(func(rows pgx.Rows) error {
		var id int64
		var a shop.Address
		err := rows.Scan(&id, &a.Recipient, &a.Street, &a.Street2, &a.City, &a.Region, &a.Zip, &a.Country, &a.Phone)
		all[id] = a
		return err
	}, `SELECT customer_id, recipient, street, coalesce(street2, ''), city, coalesce(region, ''), zip, country, coalesce(phone, '') FROM addresses WHERE is_default`)
	if err != nil {
		return err
	}
	for id, a := range c.Addresses {
		if a.Last != nil && all[id] != *a.Last && !slices.Contains(a.Maybe, all[id]) {
			c.differ("address of customer %d: %+v, acknowledged %+v", id, all[id], *a.Last)
		}
	}
	return nil
}

func (c *checker) tickets() error {
	subjects, texts, customers := map[string]int{}, map[string]int{}, map[string]int64{}
	err := c.each(func(rows pgx.Rows) error {
		var id, customer int64
		var subject string
		err := rows.Scan(&id, &customer, &subject)
		subjects[subject]++
		customers[subject] = customer
		return err
	}, "SELECT id, customer_id, subject FROM tickets WHERE strpos(subject, $1 || '-') > 0", c.Run)
	if err != nil {
		return err
	}
	err = c.each(func(rows pgx.Rows) error {
		var subject, text string
		err := rows.Scan(&subject, &text)
		texts[subject+"\n"+text]++
		return err
	}, "SELECT subject, body FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id WHERE strpos(subject, $1 || '-') > 0", c.Run)
	if err != nil {
		return err
	}
	for _, t := range c.Tickets {
		if !c.once(t.Outcome, subjects[t.Subject], "ticket "+t.Subject) {
			continue
		}
		if customers[t.Subject] != t.CustomerID {
			c.differ("ticket %s: of customer %d, sent by %d", t.Subject, customers[t.Subject], t.CustomerID)
		}
		for _, m := range t.Messages {
			c.once(m.Outcome, texts[t.Subject+"\n"+m.Text], "message "+m.Text)
		}
	}
	return nil
}

func (c *checker) returns() error {
	all := map[string]int{}
	err := c.each(func(rows pgx.Rows) error {
		var what string
		err := rows.Scan(&what)
		all[what]++
		return err
	}, `SELECT concat_ws(' ', o.number, l.sku, l.qty) FROM returns r JOIN orders o ON o.id = r.order_id JOIN return_lines l ON l.return_id = r.id WHERE starts_with(o.note, $1 || '-')`, c.Run)
	for _, r := range c.Returns {
		c.once(r.Outcome, all[fmt.Sprintf("%s %s %d", r.Order, r.SKU, r.Quantity)], "return of order "+r.Order)
	}
	return err
}

func (c *checker) deletions() error {
	there := map[string]bool{}
	err := c.each(func(rows pgx.Rows) error {
		var slug string
		err := rows.Scan(&slug)
		there[slug] = true
		return err
	}, "SELECT slug FROM products")
	for _, d := range c.Deletions {
		if d.Outcome == Acknowledged && there[d.Slug] {
			c.differ("product %s: it is there, and was deleted", d.Slug)
		}
	}
	return err
}
