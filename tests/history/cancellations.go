package history

// Cancellation is what of an order was cancelled before it was shipped.
type Cancellation struct {
	ID       string `json:"id"`
	Lines    []Item `json:"lines"`
	Amount   int64  `json:"amount"`   // that the order costs less
	Refunded int64  `json:"refunded"` // of it, what was paid already
}

// cancelled gives how many pieces of each SKU were cancelled.
func (o Order) cancelled() map[string]int {
	out := map[string]int{}
	for _, x := range o.Cancellations {
		for _, l := range x.Lines {
			out[l.SKU] += l.Quantity
		}
	}
	return out
}

// kept gives the lines with what was not cancelled of them.
func (o Order) kept() []Item {
	gone := o.cancelled()
	out := items(o.Lines)
	for i := range out {
		out[i].Quantity -= gone[out[i].SKU]
	}
	return out
}

// ended says whether the last cancellation was of all that was left: then it is the
// order that is announced as cancelled.
func (o Order) ended() bool {
	left := 0
	for _, l := range o.kept() {
		left += l.Quantity
	}
	return left == 0 && len(o.Cancellations) > 0
}

// charged is what the order's card is to be charged: what was cancelled before that is
// not.
func (o Order) charged() int64 {
	total := o.Total
	for _, x := range o.Cancellations {
		total -= x.Amount - x.Refunded
	}
	return total
}

// cancellations holds what was cancelled of each order to what was asked and bought.
func (c *checker) cancellations() {
	asked := map[string]map[string]bool{} // keys by order
	for _, call := range c.run.Calls {
		if call.Op == CancelLines {
			if asked[call.Order] == nil {
				asked[call.Order] = map[string]bool{}
			}
			asked[call.Order][call.Key] = true
		}
	}
	for _, o := range c.run.Final.Orders {
		if n := len(asked[o.ID]); len(o.Cancellations) > n {
			c.wrong(CancelWrong, "order %s has %d cancellations of lines, %d were asked for", o.ID, len(o.Cancellations), n)
		}
		c.cancellationsOf(o)
		if o.ended() && o.Status != Cancelled {
			c.wrong(CancelWrong, "order %s is %s, and all of it was cancelled", o.ID, o.Status)
		}
	}
}

// cancellationsOf holds each cancellation to the share of the pieces: the first ones
// that go have the first shares.
func (c *checker) cancellationsOf(o Order) {
	left, lines, seen := map[string]int{}, map[string]Line{}, map[string]bool{}
	for _, l := range o.Lines {
		left[l.SKU], lines[l.SKU] = l.Quantity, l
	}
	for _, x := range o.Cancellations {
		if seen[x.ID] {
			c.wrong(CancelWrong, "order %s has cancellation %s twice", o.ID, x.ID)
		}
		seen[x.ID] = true
		worth := int64(0)
		for _, l := range x.Lines {
			was := lines[l.SKU].upTo(left[l.SKU])
			left[l.SKU] -= l.Quantity
			worth += was - lines[l.SKU].upTo(left[l.SKU])
			if left[l.SKU] < 0 {
				c.wrong(CancelWrong, "order %s has cancelled more of %s than was bought", o.ID, l.SKU)
			}
		}
		if worth != x.Amount || x.Refunded != 0 && x.Refunded != x.Amount {
			c.wrong(CancelWrong, "order %s costs %d less by cancellation %s, which is worth %d, and has refunded %d", o.ID, x.Amount, x.ID, worth, x.Refunded)
		}
	}
}
