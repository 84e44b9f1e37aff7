package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tienda/monolith/traffic"
	"tienda/tests/migrationdemo/customers"
)

// inStep is how long what was written last may take to be in the monolith, too.
const inStep = 30 * time.Second

// check looks for all that was acknowledged on either side: in the new shop by its public
// API, and in the monolith, which is in step while nothing is finished, by SQL.
func (d *demo) check(ctx context.Context, m *merchant) (faults []customers.Fault, err error) {
	old, err := d.ledger.Entries()
	if err != nil {
		return nil, err
	}
	now, err := d.door.Everybody()
	if err != nil {
		return nil, err
	}
	goneOn(old, now)
	if len(old.Orders) == 0 || len(now.Orders) == 0 {
		return nil, errors.New("nobody has ordered anything in one of the shops")
	}
	signedIn, faults, err := d.door.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	d.say("checking: %d people are signed in still", signedIn)
	for end := time.Now().Add(inStep); ; time.Sleep(200 * time.Millisecond) {
		found, err := d.tables(ctx, m, old, now)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 || time.Now().After(end) {
			faults = append(faults, found...)
			break
		}
	}
	d.say("checked by SQL in the monolith: %d differences", len(faults))
	both := now
	both.Orders = append(both.Orders, ordersOf(old)...)
	seen, err := d.door.Look(ctx, d.began.UTC().Format(time.DateOnly), both.People)
	if err != nil {
		return nil, err
	}
	found := customers.Check(both, seen)
	after, err := d.door.Stock(ctx, m.token, slices.Collect(maps.Keys(d.stock)))
	if err != nil {
		return nil, err
	}
	found = append(found, customers.CheckStock(d.stock, ours(seen.Orders), customers.Stock{Left: after, Kept: kept(now)})...)
	wrong, err := m.check(ctx)
	if err != nil {
		return nil, err
	}
	found = append(found, differing(wrong)...)
	d.say("checked in the new shop: %d orders, %d accounts, %d tickets, %d returns, stock of %d SKUs, %d writes of the merchant: %d differences",
		len(both.Orders), len(both.People), len(now.Tickets)+len(old.Tickets), len(now.Returns)+len(old.Returns), len(after), m.acks, len(found))
	faults = append(faults, found...)
	for _, f := range faults {
		d.say("%s: %s", strings.ToUpper(string(f.What)), f.Text)
	}
	return faults, nil
}

// tables looks at the monolith.
func (d *demo) tables(ctx context.Context, m *merchant, old traffic.Entries, now customers.Entries) ([]customers.Fault, error) {
	wrong, err := traffic.Check(ctx, d.owner, old)
	if err != nil {
		return nil, err
	}
	faults := differing(wrong)
	seen, err := customers.LookAtTables(ctx, d.owner)
	if err != nil {
		return nil, err
	}
	faults = append(faults, customers.Check(now, seen)...)
	stock, err := customers.TableStock(ctx, d.owner)
	if err != nil {
		return nil, err
	}
	faults = append(faults, customers.CheckStock(d.stock, ours(seen.Orders), customers.Stock{Left: stock, Kept: kept(now)})...)
	wrong, err = m.tables(ctx)
	return append(faults, differing(wrong)...), err
}

// goneOn has the orders of the legacy shop be what they came to in the new one, and the
// addresses of who has said another there no business of its ledger.
func goneOn(old traffic.Entries, now customers.Entries) {
	for _, o := range old.Orders {
		if s := now.Moved[o.Number]; s != nil {
			if o.Maybe = append(o.Maybe, s.Maybe...); s.Status != "" {
				o.Status = s.Status
			}
		}
	}
	for _, p := range now.People {
		if p.Address != nil || len(p.Addresses) > 0 {
			delete(old.Addresses, p.CustomerID)
		}
	}
}

// kept says that the goods of an order of the monolith that is cancelled in the new shop do
// not come back by themselves (docs/migration-orders.md).
func kept(now customers.Entries) func(string, customers.SeenOrder) bool {
	return func(_ string, o customers.SeenOrder) bool { return now.Moved[o.Number] != nil }
}

// ours are the orders of this run: what was bought before it is in no stock.
func ours(all map[string][]customers.SeenOrder) map[string][]customers.SeenOrder {
	out := map[string][]customers.SeenOrder{}
	for note, orders := range all {
		if strings.HasPrefix(note, theRun+"-") || strings.HasPrefix(note, customers.Prefix) {
			out[note] = orders
		}
	}
	return out
}

// ordersOf gives the orders of the legacy shop as those of the new one, which has them all.
func ordersOf(old traffic.Entries) (out []*customers.Order) {
	for _, o := range old.Orders {
		c := &customers.Order{Note: o.Ref, Outcome: customers.Outcome(o.Outcome), Number: o.Number, Total: o.Total, Step: customers.Step{Status: o.Status, Maybe: o.Maybe}}
		for _, l := range o.Lines {
			c.Lines = append(c.Lines, fmt.Sprintf("%s %d", l.SKU, l.Quantity))
		}
		out = append(out, c)
	}
	return out
}

// differing sorts what the legacy shop's checker has found by its words.
func differing(lines []string) (out []customers.Fault) {
	for _, line := range lines {
		f := customers.Fault{What: customers.Changed, Text: line}
		switch {
		case strings.Contains(line, "there 0 times"):
			f.What = customers.Lost
		case strings.Contains(line, "there ") && strings.Contains(line, " times"):
			f.What = customers.Doubled
		}
		out = append(out, f)
	}
	return out
}
