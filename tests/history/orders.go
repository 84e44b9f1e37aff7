package history

import "slices"

// orders holds every order to the checkout that made it, and to the others.
func (c *checker) orders() {
	byKey, byCart := map[string]string{}, map[string]string{}
	for _, o := range c.run.Final.Orders {
		if o.Status == Pending {
			c.wrong(Unsettled, "order %s is still pending", o.ID)
		}
		if o.Replaces != "" {
			continue // exchanges has its rules
		}
		call, known := c.asked[o.Key]
		if !known {
			c.wrong(OrderUnasked, "order %s has key %q, which nobody has used", o.ID, o.Key)
			continue
		}
		if first, ok := byKey[o.Key]; ok {
			c.wrong(OrderTwice, "orders %s and %s have the same key %s", first, o.ID, o.Key)
		}
		byKey[o.Key] = o.ID
		if o.Refused {
			continue
		}
		if first, ok := byCart[call.Cart]; ok {
			c.wrong(OrderTwice, "orders %s and %s are of the same cart %s", first, o.ID, call.Cart)
		}
		byCart[call.Cart] = o.ID
		c.priced(o, call)
	}
}

// priced holds an order to its cart and to the prices of the goods.
func (c *checker) priced(o Order, call Call) {
	if got, want := items(o.Lines), sorted(call.Lines); !slices.Equal(got, want) {
		c.wrong(OrderDiffers, "order %s has %v, its cart had %v", o.ID, got, want)
	}
	if o.Status == Pending {
		return // it has no prices yet
	}
	if p := call.Promotion; p != "" && !slices.Contains(o.Promotions, p) {
		c.wrong(OrderDiffers, "order %s has not the promotion %s, whose code its cart had", o.ID, p)
	}
	total, off := int64(0), int64(0)
	for _, l := range o.Lines {
		if l.Price != c.goods[l.SKU].Price {
			c.wrong(OrderDiffers, "order %s has %s for %d, which costs %d", o.ID, l.SKU, l.Price, c.goods[l.SKU].Price)
		}
		total += l.Price*int64(l.Quantity) - l.Off
		off += l.Off
	}
	if want := c.off(o); off != want {
		c.wrong(OrderDiffers, "order %s has %d off, by its promotions it would be %d", o.ID, off, want)
	}
	if total != o.Total {
		c.wrong(OrderDiffers, "order %s has a total of %d, its lines make %d", o.ID, o.Total, total)
	}
}

// refunds holds every return to its refund.
func (c *checker) refunds() {
	for _, r := range c.run.Final.Returns {
		o, ok := c.byID[r.Order]
		if !ok {
			c.wrong(OrderLost, "order %s, which has return %s, is not there", r.Order, r.ID)
			continue
		}
		switch r.Status {
		case ReturnReceived:
			c.wrong(Unsettled, "return %s was received and is not refunded", r.ID)
		case ReturnFailed:
			c.wrong(RefundWrong, "orders has refused to refund return %s", r.ID)
		case ReturnRefunded, ReturnInParts:
			c.refunded(r, o)
		default:
			if slices.ContainsFunc(o.Refunds, func(f Refund) bool { return c.refundOf[f.Return].ID == r.ID }) {
				c.wrong(RefundWrong, "return %s is %s, its order %s has refunded it", r.ID, r.Status, o.ID)
			}
		}
	}
	for _, o := range c.run.Final.Orders {
		c.refundsOf(o)
	}
}

// refunded holds the parts of a return that came back to the refunds of its
// order: each was made, once (refundsOf), and support knows what it was.
func (c *checker) refunded(r Return, o Order) {
	sum := int64(0)
	for _, p := range r.parts() {
		i := slices.IndexFunc(o.Refunds, func(f Refund) bool { return f.Return == p.Refund })
		switch {
		case i < 0 && r.Status == ReturnRefunded:
			c.wrong(RefundWrong, "return %s is refunded, its order %s knows of none", r.ID, o.ID)
			return
		case i < 0 || !p.Noted || p.Owed:
			c.wrong(Unsettled, "part %s of return %s came back and is not refunded", p.ID, r.ID)
			return
		}
		if p.Lines != nil && !slices.Equal(p.Lines, o.Refunds[i].Lines) {
			c.wrong(RefundWrong, "part %s of return %s was found to be %v, its order %s has refunded %v", p.ID, r.ID, p.Lines, o.ID, o.Refunds[i].Lines)
		}
		sum += o.Refunds[i].paidBack()
	}
	if sum != r.Refund {
		c.wrong(RefundWrong, "return %s notes %d, its order %s has refunded %d", r.ID, r.Refund, o.ID, sum)
	}
}

// upTo gives what was paid for the pieces of a line without the last ones: left of
// them are still with the buyer. The pieces that came back first had the first shares.
func (l Line) upTo(left int) int64 {
	if l.Quantity == 0 {
		return 0
	}
	paid := l.Price*int64(l.Quantity) - l.Off
	return paid - paid*int64(l.Quantity-left)/int64(l.Quantity)
}

// refundsOf holds the refunds of one order to what was bought.
func (c *checker) refundsOf(o Order) {
	left, lines := map[string]int{}, map[string]Line{}
	for _, l := range o.Lines {
		lines[l.SKU] = l
	}
	for _, l := range o.kept() {
		left[l.SKU] += l.Quantity
	}
	sum, seen := int64(0), map[string]bool{}
	for _, x := range o.Cancellations {
		sum += x.Refunded
	}
	for _, f := range o.Refunds {
		if seen[f.Return] {
			c.wrong(RefundWrong, "order %s has refunded return %s twice", o.ID, f.Return)
		}
		seen[f.Return] = true
		if r, ok := c.refundOf[f.Return]; !ok || r.Order != o.ID {
			c.wrong(RefundWrong, "order %s has refunded return %s, which it does not have", o.ID, f.Return)
		}
		worth, swapped := int64(0), int64(0)
		for _, l := range f.Lines {
			was := lines[l.SKU].upTo(left[l.SKU])
			left[l.SKU] -= l.Quantity
			paid := was - lines[l.SKU].upTo(left[l.SKU])
			if l.swapped() {
				swapped += paid
			} else {
				worth += paid - paid*int64(l.Deduction)/100
			}
			if left[l.SKU] < 0 {
				c.wrong(RefundWrong, "order %s has refunded more of %s than was bought", o.ID, l.SKU)
			}
		}
		if worth != f.Amount {
			c.wrong(RefundWrong, "order %s has refunded %d for return %s, which is worth %d", o.ID, f.Amount, f.Return, worth)
		}
		c.valued(o, f, swapped)
		sum += f.paidBack()
	}
	if o.Replaces != "" && o.Status == Cancelled && !o.Refused { // its buyer gets back what it is worth
		sum = o.Total
	}
	if sum != o.Refunded {
		c.wrong(RefundWrong, "order %s says that %d is refunded, its refunds make %d", o.ID, o.Refunded, sum)
	}
}
