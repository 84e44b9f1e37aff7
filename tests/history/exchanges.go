package history

import "slices"

// swapped says whether the pieces are to be replaced.
func (l RefundLine) swapped() bool { return l.Exchange != "" && l.Deduction == 0 }

// paidBack gives what was refunded, for an exchange that was refused as well.
func (f Refund) paidBack() int64 {
	if f.Exchange == nil {
		return f.Amount
	}
	return f.Amount + f.Exchange.Refunded
}

// wants gives what is to be sent for the lines of a refund.
func (f Refund) wants() []Item {
	var out []Item
	for _, l := range f.Lines {
		if !l.swapped() {
			continue
		}
		i := slices.IndexFunc(out, func(o Item) bool { return o.SKU == l.Exchange })
		if i < 0 {
			out = append(out, Item{SKU: l.Exchange, Quantity: l.Quantity})
			continue
		}
		out[i].Quantity += l.Quantity
	}
	return sorted(out)
}

// valued holds an exchange to the worth of what came back for it.
func (c *checker) valued(o Order, f Refund, worth int64) {
	x := f.Exchange
	if x == nil {
		if len(f.wants()) > 0 {
			c.wrong(ExchangeWrong, "order %s has refunded %s, which was to be exchanged", o.ID, f.Return)
		}
		return
	}
	want := int64(0)
	if x.Status == ExchangeRefused {
		want = worth
	}
	if x.Value != worth || x.Refunded != want {
		c.wrong(ExchangeWrong, "order %s has exchanged %d for return %s, which is worth %d, %s, and has refunded %d", o.ID, x.Value, f.Return, worth, x.Status, x.Refunded)
	}
}

// exchanges holds every exchange to its replacement and every replacement to its
// exchange: for what came back there is one order, or one refund, never both.
func (c *checker) exchanges() {
	owner := map[string]string{} // of a replacement: the order that has it sent
	for _, o := range c.run.Final.Orders {
		for _, f := range o.Refunds {
			x := f.Exchange
			if x == nil {
				continue
			}
			if was, ok := owner[x.Order]; ok {
				c.wrong(ExchangeWrong, "order %s replaces what came back of %s and of %s", x.Order, was, o.ID)
			}
			owner[x.Order] = o.ID
			c.exchange(o, f)
		}
	}
	for _, o := range c.run.Final.Orders {
		if o.Replaces != "" && owner[o.ID] != o.Replaces {
			c.wrong(ExchangeWrong, "order %s replaces something of %s, which knows nothing of it", o.ID, o.Replaces)
		}
	}
}

// exchange holds one exchange to its replacement.
func (c *checker) exchange(o Order, f Refund) {
	x := f.Exchange
	to, there := c.byID[x.Order]
	bought := there && !to.Refused && to.Status != Pending
	switch {
	case x.Status == ExchangeOwed:
		c.wrong(Unsettled, "order %s owes a replacement for return %s", o.ID, f.Return)
	case x.Status == ExchangeRefused && bought:
		c.wrong(ExchangeWrong, "order %s has refunded return %s, and order %s replaces it", o.ID, f.Return, to.ID)
	case x.Status == ExchangePlaced && !bought:
		c.wrong(ExchangeWrong, "order %s has order %s sent for return %s, which is none", o.ID, x.Order, f.Return)
	case x.Status == ExchangePlaced && (to.Replaces != o.ID || to.Total != x.Value || !slices.Equal(items(to.Lines), f.wants())):
		c.wrong(ExchangeWrong, "order %s is sent for %d of order %s, %v, and has a total of %d, %v", to.ID, x.Value, to.Replaces, f.wants(), to.Total, items(to.Lines))
	}
}
