package inventory

import (
	"context"
	"errors"
	"slices"
	"time"
)

// How long a reservation is left alone before orders is asked about it, and
// how much is asked or marked at once. A checkout has ended, or is in the
// hands of orders' recovery, long before.
const (
	holdTime  = 2 * time.Minute
	askAtOnce = 100
	markSKUs  = 20
)

// Standing is how an order stands, as far as its reservation goes.
type Standing int

// The standings. Undecided is an order that orders still drives.
const (
	Undecided Standing = iota
	Bought
	Dead // cancelled, or orders does not know it
)

// Orders tells how orders stand.
type Orders interface {
	// Stand gives the standing of each of at most 100 orders.
	Stand(ctx context.Context, ids []string) (map[string]Standing, error)
}

// Held is a reservation that is not known to be of a bought order.
type Held struct{ SKU, OrderID string }

// HeldStore gives all stock to look through.
type HeldStore interface {
	// Parts is in how many parts all SKUs are looked through.
	Parts() int
	// Look shows the stock of the SKUs of one part, as it is stored.
	Look(ctx context.Context, part int, at func(*Stock)) error
}

// Expiry frees what orders hold that have died: that were lost with their
// store, or whose cancellation did not arrive. A checkout pays nothing for it:
// a reservation is not confirmed by a message, it is asked about once it is
// some minutes old. It is only ever released on the word of orders, which
// wrote the order down before it asked for the reservation, so that one that
// orders does not know is lost; never because orders does not answer.
//
// Every replica runs it. All it does is safe to do twice.
type Expiry struct {
	stock  *Service
	store  HeldStore
	orders Orders
	part   int
}

// NewExpiry gives the expiry of a service's reservations.
func NewExpiry(stock *Service, store HeldStore, orders Orders) *Expiry {
	return &Expiry{stock: stock, store: store, orders: orders}
}

// Step looks through the next part of all SKUs. State: what Look of the store costs; for each 100
// reservations to ask about 1 invocation, for each 20 SKUs with any of a bought
// order 1 bulk get and 1 transaction, for each dead order what a release costs; and 1
// bulk get and 1 transaction for each 20 SKUs that another threshold has made
// low, or that have come as low.
func (e *Expiry) Step(ctx context.Context) error {
	held, misjudged, err := e.look(ctx)
	if err != nil {
		return err
	}
	e.part = (e.part + 1) % e.store.Parts()
	var orders []string
	skus := map[string][]string{} // by order
	for _, h := range held {
		if skus[h.OrderID] == nil {
			orders = append(orders, h.OrderID)
		}
		skus[h.OrderID] = append(skus[h.OrderID], h.SKU)
	}
	for len(orders) > 0 {
		some := orders[:min(askAtOnce, len(orders))]
		orders = orders[len(some):]
		if err := e.settle(ctx, some, skus); err != nil {
			return err
		}
	}
	return e.touch(ctx, misjudged, func(*Stock) {})
}

// look gives the reservations of the next part to ask about, and the SKUs of which
// it is not noted right whether they are low.
func (e *Expiry) look(ctx context.Context) (held []Held, misjudged []string, err error) {
	before := e.stock.now().Add(-holdTime)
	err = e.store.Look(ctx, e.part, func(stock *Stock) {
		for _, id := range stock.Unconfirmed(before) {
			held = append(held, Held{SKU: stock.SKU, OrderID: id})
		}
		if e.stock.misjudged(stock) {
			misjudged = append(misjudged, stock.SKU)
		}
	})
	return held, misjudged, err
}

// touch changes the stock of SKUs, some at a time.
func (e *Expiry) touch(ctx context.Context, skus []string, change func(*Stock)) error {
	var errs []error
	for some := range slices.Chunk(skus, markSKUs) {
		errs = append(errs, e.stock.update(ctx, &work{skus: some, change: func(b *Books) {
			for _, sku := range some {
				change(b.Stocks[sku])
			}
		}}))
	}
	return errors.Join(errs...)
}

// settle asks about some orders and does what follows.
func (e *Expiry) settle(ctx context.Context, ids []string, skus map[string][]string) error {
	standing, err := e.orders.Stand(ctx, ids)
	if err != nil {
		return err
	}
	var errs []error
	var marked []string
	bought := map[string][]string{} // by SKU
	for _, id := range ids {
		switch standing[id] {
		case Dead:
			errs = append(errs, e.stock.Release(ctx, id, skus[id]))
		case Bought:
			for _, sku := range skus[id] {
				if bought[sku] == nil {
					marked = append(marked, sku)
				}
				bought[sku] = append(bought[sku], id)
			}
		case Undecided:
		}
	}
	errs = append(errs, e.touch(ctx, marked, func(stock *Stock) { stock.confirm(bought[stock.SKU]) }))
	return errors.Join(errs...)
}
