package history

import (
	"maps"
	"slices"
)

// answers holds the answers of each request and its repeats to each other.
func (c *checker) answers() {
	type heard struct {
		done, refused *Call
		last          Call
		order         string
	}
	byKey := map[string]*heard{}
	for _, call := range c.run.Calls {
		if call.Op == ReadStock {
			continue
		}
		name := string(call.Op) + " " + call.Key
		h := byKey[name]
		if h == nil {
			h = &heard{}
			byKey[name] = h
		}
		if h.last.Op == "" || call.End >= h.last.End {
			h.last = call
		}
		switch call.Outcome {
		case Done:
			h.done = &call
			if call.Got == nil {
				break
			}
			if h.order != "" && h.order != call.Got.ID {
				c.wrong(OrderTwice, "key %s was answered with order %s and with %s", call.Key, h.order, call.Got.ID)
			}
			h.order = call.Got.ID
		case Refused:
			h.refused = &call
		case Later, Unknown:
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byKey)) {
		h := byKey[name]
		switch {
		case h.done == nil && h.refused == nil:
			c.wrong(Unfinished, "%s of %s: the last of its answers is %s %s", name, h.last.Buyer, h.last.Outcome, h.last.Answer)
		case h.done != nil && h.refused != nil && h.done.Op == Checkout:
			c.wrong(AnswerChanged, "%s of %s was done and was refused (%s)", name, h.last.Buyer, h.refused.Answer)
		}
	}
}

// acknowledged looks for what clients were told.
func (c *checker) acknowledged() {
	for _, call := range c.run.Calls {
		switch {
		case call.Outcome == Done && call.Op == Checkout:
			c.bought(call)
		case call.Outcome == Done:
			c.changed(call)
		case call.Outcome == Refused && call.Op == Checkout:
			for _, o := range c.run.Final.Orders {
				if o.Key == call.Key && !o.Refused {
					c.wrong(OrderUnasked, "order %s is %s although checkout %s was refused (%s)", o.ID, o.Status, call.Key, call.Answer)
				}
			}
		}
	}
}

// bought looks for an acknowledged order.
func (c *checker) bought(call Call) {
	if call.Got == nil {
		return
	}
	o, ok := c.byID[call.Got.ID]
	switch {
	case !ok:
		c.wrong(OrderLost, "order %s was acknowledged to %s and is not there", call.Got.ID, call.Buyer)
	case o.Refused:
		c.wrong(OrderLost, "order %s was acknowledged to %s and came to nothing", o.ID, call.Buyer)
	case !slices.Equal(sortedLines(o.Lines), sortedLines(call.Got.Lines)) || o.Total != call.Got.Total:
		c.wrong(OrderDiffers, "order %s was acknowledged with %v, total %d, and has %v, total %d", o.ID, call.Got.Lines, call.Got.Total, o.Lines, o.Total)
	}
}

// What can follow an acknowledged change. That a refund failed is told by its
// own rule.
var (
	after = map[Op][]Status{
		Cancel:      {Cancelled},
		CancelLines: {Confirmed, PartiallyShipped, Shipped, Delivered, Cancelled},
		Ship:        {Shipped, Delivered},
		ShipPart:    {PartiallyShipped, Shipped, Delivered},
		Deliver:     {Delivered},
	}
	afterReturn = map[Op][]ReturnStatus{
		AskReturn:     {ReturnRequested, ReturnApproved, ReturnRejected, ReturnInParts, ReturnReceived, ReturnRefunded, ReturnFailed},
		ApproveReturn: {ReturnApproved, ReturnInParts, ReturnReceived, ReturnRefunded, ReturnFailed},
		TakePart:      {ReturnInParts, ReturnReceived, ReturnRefunded, ReturnFailed},
		CloseReturn:   {ReturnRefunded},
		ReceiveReturn: {ReturnRefunded},
	}
)

// changed looks for an acknowledged change.
func (c *checker) changed(call Call) {
	if want, ok := after[call.Op]; ok {
		if o, there := c.byID[call.Order]; !there {
			c.wrong(OrderLost, "order %s, of which a %s was acknowledged, is not there", call.Order, call.Op)
		} else if !slices.Contains(want, o.Status) {
			c.wrong(ChangeLost, "order %s is %s although its %s was acknowledged", o.ID, o.Status, call.Op)
		} else if call.Op == CancelLines && len(o.Cancellations) == 0 {
			c.wrong(ChangeLost, "order %s has lost its %s, which was acknowledged", o.ID, call.Op)
		}
	}
	if want, ok := afterReturn[call.Op]; ok {
		if r, there := c.returns[call.Return]; !there {
			c.wrong(ChangeLost, "return %s, of which %s was acknowledged, is not there", call.Return, call.Op)
		} else if !slices.Contains(want, r.Status) {
			c.wrong(ChangeLost, "return %s is %s although its %s was acknowledged", r.ID, r.Status, call.Op)
		} else if call.Part != "" && !slices.ContainsFunc(r.Receipts, func(p Receipt) bool { return p.ID == call.Part }) {
			c.wrong(ChangeLost, "part %s of return %s was acknowledged and is not there", call.Part, r.ID)
		}
	}
}

// exceeded refuses to ship or cancel more than is left.
const exceeded = "quantity_exceeded"

// refusals looks for refusals without a reason.
func (c *checker) refusals() {
	wanted, tries := map[string]int{}, map[string]map[string]bool{}
	for _, call := range c.asked {
		for _, l := range call.Lines {
			wanted[l.SKU] += l.Quantity
		}
		if tries[call.Cart] == nil {
			tries[call.Cart] = map[string]bool{}
		}
		tries[call.Cart][call.Key] = true
	}
	for _, o := range c.run.Final.Orders {
		for _, f := range o.Refunds {
			for _, l := range f.wants() {
				wanted[l.SKU] += l.Quantity
			}
		}
	}
	scarce := func(l Item) bool { return wanted[l.SKU] > c.goods[l.SKU].Initial+c.goods[l.SKU].Backorder }
	promised := func(l Line) bool { return c.goods[l.SKU].Backorder > 0 }
	for _, call := range c.run.Calls {
		if call.Outcome != Refused || call.Code == "" {
			continue
		}
		of := c.byID[call.Order]
		status, sent := of.Status, of.Status == Shipped || of.Status == Delivered
		var right bool
		switch call.Op {
		case Checkout:
			right = call.Code == OutOfStock && slices.ContainsFunc(call.Lines, scarce) ||
				call.Code == CartTaken && len(tries[call.Cart]) > 1 ||
				call.Code == Declined && call.declines()
		case Cancel:
			right = status == PartiallyShipped || sent
		case CancelLines:
			right = status == Cancelled || sent || call.Code == exceeded && len(of.Shipments) > 0
		case Ship, ShipPart:
			right = status == Cancelled || call.Code == Backordered && slices.ContainsFunc(of.Lines, promised) ||
				call.Op == ShipPart && len(of.Cancellations) > 0 && (sent || call.Code == exceeded)
		case ReadStock, FillCart, Deliver, AskReturn, ApproveReturn, TakePart, CloseReturn, ReceiveReturn:
		}
		if !right {
			c.wrong(RefusedWrong, "%s %s of %s was refused: %s", call.Op, call.Key, call.Buyer, call.Answer)
		}
	}
}
