package inventory

import (
	"errors"
	"slices"
	"time"

	"tienda/internal/fault"
)

// Plan is what an update wants to read.
type Plan struct {
	SKUs   []string
	Orders []string // whose reservation may have ended
}

// Books are what one update has read and may change: the stock of SKUs, empty
// where there is none yet, and which orders' reservations have ended.
//
// That an order's reservation has ended is noted in a document of the order,
// for a request that comes late or twice: the SKU's own document would have to
// remember as many as it ever sells, and does so only for a moment (Closed). The
// note counts only against a new
// reservation. Whether there is something to give back is said by the stock
// alone, which makes each step safe to repeat, also where a store has kept
// only one of the two.
type Books struct {
	Stocks map[string]*Stock
	ended  map[string]bool
	noted  []string
}

// NewBooks gives the books over what was read.
func NewBooks(stocks map[string]*Stock, ended map[string]bool) *Books {
	return &Books{Stocks: stocks, ended: ended}
}

// Noted lists the orders whose end is new.
func (b *Books) Noted() []string { return b.noted }

func (b *Books) end(orderID string) {
	if !b.ended[orderID] {
		b.ended[orderID] = true
		b.noted = append(b.noted, orderID)
	}
}

// reserve holds all the lines for an order, or none, and fills in the prices
// that were promised. preferred are the locations in the order in which they
// are sold from.
//
// A store whose transactions do not roll back may have kept some lines of an
// attempt that failed. They carry the order's ID, so that the next attempt
// either completes them or, if a line is refused, frees them.
func (b *Books) reserve(orderID, currency string, lines []ReservedLine, preferred []string, now time.Time) error {
	if b.ended[orderID] || slices.ContainsFunc(lines, func(l ReservedLine) bool { return b.Stocks[l.SKU].Closed.has(orderID) }) {
		return ErrClosed
	}
	var short []fault.Field
	for i, l := range lines {
		err := b.Stocks[l.SKU].check(orderID, l.Quantity, currency)
		switch {
		case errors.Is(err, errShort):
			short = append(short, fault.Field{Name: at(i, "quantity"), Reason: "is not in stock"})
		case err != nil:
			return err
		}
	}
	if len(short) > 0 {
		for _, l := range lines {
			b.Stocks[l.SKU].unreserve(orderID)
		}
		return refusal(errShort, short)
	}
	for i, l := range lines {
		stock := b.Stocks[l.SKU]
		stock.ProductID = l.ProductID
		r, err := stock.Reserve(orderID, l.Quantity, l.Price.Money, preferred, now)
		if err != nil {
			return err
		}
		lines[i].UnitPrice = r.UnitPrice()
		if lines[i].Waiting, lines[i].Expected = r.Waiting, (time.Time{}); r.Waiting > 0 {
			lines[i].Expected = stock.Backorder.ExpectedAt()
		}
	}
	return nil
}

// release frees what an order holds of the SKUs. A stock of which it holds
// nothing is written all the same: a reservation that another replica is just
// making over what it read before then fails, reads again, and finds the mark.
func (b *Books) release(orderID string, skus []string, now time.Time) {
	for _, sku := range skus {
		if stock := b.Stocks[sku]; stock.Release(orderID, now) || !b.ended[orderID] {
			stock.close(orderID, now)
		}
	}
	b.end(orderID)
}

// lower leaves an order no more of the SKUs than the lines say. Its reservation is over
// in so far as no other is taken for it, by a request that comes late.
func (b *Books) lower(orderID string, lines []Line, now time.Time) {
	for _, l := range lines {
		if stock := b.Stocks[l.SKU]; stock.Lower(orderID, l.Quantity, now) && l.Quantity == 0 {
			stock.close(orderID, now)
		}
	}
	b.end(orderID)
}

// commit takes what an order holds of the SKUs out of the house.
func (b *Books) commit(orderID string, lines []Line, now time.Time) {
	for _, l := range lines {
		stock := b.Stocks[l.SKU]
		if l.Quantity > 0 { // news of what was cancelled before may come after
			stock.Lower(orderID, l.Quantity, now)
		}
		if stock.Commit(orderID, now) {
			stock.close(orderID, now)
			b.end(orderID)
		}
	}
}
