package history

import (
	"fmt"
	"maps"
	"slices"
)

func (s Stock) String() string {
	return fmt.Sprintf("%d available, %d reserved, %d sold, %d on hand", s.Available, s.Reserved, s.Sold, s.OnHand)
}

// stockReads holds every read of a stock to itself and to those before it.
func (c *checker) stockReads() {
	restocked := map[string]int{}
	for _, o := range c.run.Final.Orders {
		for sku, n := range restocks(o) {
			restocked[sku] += n
		}
	}
	for _, call := range c.run.Calls {
		if call.Op == ReadStock && call.Stock != nil {
			c.stockRead(*call.Stock, restocked[call.Stock.SKU])
		}
	}
	for _, s := range c.run.Final.Stock {
		c.stockRead(s, restocked[s.SKU])
	}
	c.ledgerGrows()
}

func (c *checker) stockRead(s Stock, restocked int) {
	g := c.goods[s.SKU]
	switch {
	case s.OnHand < 0 || s.Reserved < 0 || s.Available < 0 || s.Sold < 0 || s.Waiting < 0:
		c.wrong(StockRead, "%s is negative: %s", s.SKU, s)
	case s.Waiting > g.Backorder:
		c.wrong(Promised, "%s: %d are promised that are not there, and %d may be: %s", s.SKU, s.Waiting, g.Backorder, s)
	case s.Waiting > 0 && s.Available > 0:
		c.wrong(Promised, "%s: %d are waited for although they are there: %s", s.SKU, s.Waiting, s)
	case s.OnHand != s.Available+s.Reserved:
		c.wrong(StockRead, "%s: on hand is not available + reserved: %s", s.SKU, s)
	case s.OnHand+s.Sold < g.Initial || s.OnHand+s.Sold > g.Initial+restocked:
		c.wrong(StockRead, "%s began with %d and %d came back in all, but a read has %s", s.SKU, g.Initial, restocked, s)
	}
}

// ledgerGrows: what is on hand and what was sold only ever grow together, by
// what comes back. Of two reads, the one that began after the other had ended
// sees at least as much.
func (c *checker) ledgerGrows() {
	reads := map[string][]Call{}
	for _, call := range c.run.Calls {
		if call.Op == ReadStock && call.Stock != nil {
			reads[call.Stock.SKU] = append(reads[call.Stock.SKU], call)
		}
	}
	for _, sku := range slices.Sorted(maps.Keys(reads)) {
		byEnd := slices.SortedFunc(slices.Values(reads[sku]), func(a, b Call) int { return int(a.End - b.End) })
		byBegin := slices.SortedFunc(slices.Values(reads[sku]), func(a, b Call) int { return int(a.Begin - b.Begin) })
		ended, most := 0, 0
		for _, later := range byBegin {
			for ; ended < len(byEnd) && byEnd[ended].End < later.Begin; ended++ {
				most = max(most, byEnd[ended].Stock.OnHand+byEnd[ended].Stock.Sold)
			}
			if now := later.Stock.OnHand + later.Stock.Sold; now < most {
				c.wrong(StockRead, "%s had %d on hand and sold in all, and later %d: %s", sku, most, now, *later.Stock)
			}
		}
	}
}

// owed is what a SKU must show by the orders, and by how much it may be off
// because of dead letters, of which nobody knows whether they took effect.
type owed struct {
	reserved, sold, restocked int
	kept                      int // more may be reserved
	unsold                    int // less may be sold
	unstocked                 int // less may be restocked
}

// ledgers holds the stock of each SKU to the orders. This is where a
// cancellation that was released twice, or a return that was restocked twice,
// comes to light.
func (c *checker) ledgers() {
	want := map[string]*owed{}
	for _, g := range c.run.Goods {
		want[g.SKU] = &owed{}
	}
	for _, o := range c.run.Final.Orders {
		c.owes(o, want)
	}
	seen := map[string]bool{}
	for _, s := range c.run.Final.Stock {
		seen[s.SKU] = true
		if w, ok := want[s.SKU]; ok {
			c.ledger(s, *w)
			c.held(s)
		}
	}
	for _, g := range c.run.Goods {
		if !seen[g.SKU] {
			c.wrong(Ledger, "%s has no stock any more", g.SKU)
		}
	}
}

func (c *checker) owes(o Order, want map[string]*owed) {
	gone, late := o.cancelled(), false
	for _, x := range o.Cancellations {
		late = late || c.isDead("catalog", OrderLinesCancelled, o.ID, x.ID)
	}
	for _, l := range o.kept() {
		w, ok := want[l.SKU]
		if !ok {
			continue // order-differs says so
		}
		if late && o.Status != Cancelled {
			w.kept += gone[l.SKU]
		}
		switch o.Status {
		case Confirmed, PartiallyShipped: // sold with the last shipment
			w.reserved += l.Quantity
		case Shipped, Delivered:
			w.sold += l.Quantity
			if c.isDead("catalog", OrderShipped, o.ID, "") {
				w.kept += l.Quantity
				w.unsold += l.Quantity
			}
		case Cancelled:
			if c.isDead("catalog", OrderCancelled, o.ID, "") {
				w.kept += l.Quantity
			}
		case Pending: // perhaps reserved, perhaps not
			w.kept += l.Quantity
		}
	}
	for _, f := range o.Refunds {
		isDead := c.isDead("catalog", OrderRefunded, o.ID, f.Return)
		for _, l := range f.Lines {
			w, ok := want[l.SKU]
			if !ok || !l.Restock {
				continue
			}
			w.restocked += l.Quantity
			if isDead {
				w.unstocked += l.Quantity
			}
		}
	}
}

func (c *checker) isDead(app, kind, subject, ret string) bool {
	return c.dead[dead{app, kind, subject, ret}]
}

func (c *checker) ledger(s Stock, w owed) {
	g := c.goods[s.SKU]
	if all, had := s.Available+s.Reserved+s.Sold, g.Initial+w.restocked; all > had || all < had-w.unstocked {
		c.wrong(Ledger, "%s: initial %d + restocked %d is not %s", s.SKU, g.Initial, w.restocked, s)
	}
	if b := s.Booked; b != nil && (b.All != s.OnHand || b.Sold != s.Sold) {
		c.wrong(Ledger, "%s: its entries add up to %d, and to %d sold, which is not %s", s.SKU, b.All, b.Sold, s)
	}
	if n := s.Reserved + s.Waiting; n < w.reserved || n > w.reserved+w.kept {
		c.wrong(Reserved, "%s has %d reserved, its confirmed orders hold %d", s.SKU, n, w.reserved)
	}
	if s.Sold > w.sold || s.Sold < w.sold-w.unsold {
		c.wrong(Sold, "%s has %d sold, its orders have shipped %d", s.SKU, s.Sold, w.sold)
	}
}

// held names the orders that hold what they should not, where that can be seen.
func (c *checker) held(s Stock) {
	for _, id := range slices.Sorted(maps.Keys(s.Held)) {
		o, ok := c.byID[id]
		switch {
		case !ok:
			c.wrong(Reserved, "%d of %s are held for order %s, which is not there", s.Held[id], s.SKU, id)
		case o.Status == Cancelled && !c.isDead("catalog", OrderCancelled, id, ""):
			c.wrong(NotApplied, "%d of %s are held for order %s, which is cancelled", s.Held[id], s.SKU, id)
		case (o.Status == Shipped || o.Status == Delivered) && !c.isDead("catalog", OrderShipped, id, ""):
			c.wrong(NotApplied, "%d of %s are held for order %s, which is shipped", s.Held[id], s.SKU, id)
		}
	}
}

func restocks(o Order) map[string]int {
	out := map[string]int{}
	for _, f := range o.Refunds {
		for _, l := range f.Lines {
			if l.Restock {
				out[l.SKU] += l.Quantity
			}
		}
	}
	return out
}
