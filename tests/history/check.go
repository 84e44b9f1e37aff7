package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind is the rule that was broken.
type Kind string

// The rules.
const (
	OrderLost     Kind = "order-lost"     // an acknowledged order is not there, or came to nothing
	OrderDiffers  Kind = "order-differs"  // it has other lines or prices than acknowledged, or than its cart
	OrderTwice    Kind = "order-twice"    // two orders of one key or of one cart
	OrderUnasked  Kind = "order-unasked"  // nobody asked for it, or its buyer was told no
	AnswerChanged Kind = "answer-changed" // a repeat got another answer
	RefusedWrong  Kind = "refused-wrong"  // a request was refused that should not have been
	ChangeLost    Kind = "change-lost"    // an acknowledged cancel, shipment or return did not stay
	Unfinished    Kind = "unfinished"     // no repeat of a request got an answer
	Unsettled     Kind = "unsettled"      // something was still under way SettleLimit after the last fault
	StockRead     Kind = "stock-read"     // a read was negative, or did not add up
	Ledger        Kind = "ledger"         // initial + restocked is not available + reserved + sold
	Reserved      Kind = "reserved"       // reserved and waited for is not what confirmed orders hold
	Promised      Kind = "promised"       // more is waited for than may be, or is waited for although it is there
	Sold          Kind = "sold"           // sold is not what was shipped
	EventLost     Kind = "event-lost"     // something happened and was not announced
	EventFalse    Kind = "event-false"    // something was announced and did not happen
	EventTwice    Kind = "event-twice"    // one change was announced as two
	NotApplied    Kind = "not-applied"    // a consumer has not taken an event in, and it is no dead letter
	RefundWrong   Kind = "refund-wrong"   // a return not refunded once, or with another amount
	ExchangeWrong Kind = "exchange-wrong" // not one replacement or one refund for what is exchanged, or at another value
	CancelWrong   Kind = "cancel-wrong"   // other lines were cancelled than was asked, or at another value
	ShipmentWrong Kind = "shipment-wrong" // more was sent than bought, or the status says otherwise
	PromotionOver Kind = "promotion-over" // more orders have it than it is limited to
	PromotionUses Kind = "promotion-uses" // its uses are not the orders that have it
)

// Violation is one thing that is wrong.
type Violation struct {
	Kind Kind   `json:"kind"`
	What string `json:"what"`
}

func (v Violation) String() string { return string(v.Kind) + ": " + v.What }

// Check judges a run: everything that is wrong, in a fixed order; nothing for a
// run that is right.
func Check(r Run) []Violation {
	c := newChecker(r)
	c.answers()
	c.acknowledged()
	c.refusals()
	c.orders()
	c.cancellations()
	c.shipments()
	c.refunds()
	c.exchanges()
	c.payments()
	c.promotions()
	c.stockReads()
	c.ledgers()
	c.events()
	c.heard()
	if late := r.Final.At - r.LastFault; late > SettleLimit {
		c.wrong(Unsettled, "the last look was %s after the last fault", late)
	}
	slices.SortFunc(c.found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(c.found)
}

// checker is a run with what the rules look up.
type checker struct {
	run      Run
	goods    map[string]Good
	byID     map[string]Order
	returns  map[string]Return
	refundOf map[string]Return // by what support calls the refund
	asked    map[string]Call   // the first checkout of each key
	dead     map[dead]bool
	found    []Violation
}

// dead names a dead letter by what it says, since its consumer is judged by that.
type dead struct{ app, kind, subject, ret string }

func newChecker(r Run) *checker {
	c := &checker{
		run: r, goods: map[string]Good{}, byID: map[string]Order{}, returns: map[string]Return{}, refundOf: map[string]Return{},
		asked: map[string]Call{}, dead: map[dead]bool{},
	}
	for _, g := range r.Goods {
		c.goods[g.SKU] = g
	}
	for _, o := range r.Final.Orders {
		c.byID[o.ID] = o
	}
	for _, ret := range r.Final.Returns {
		c.returns[ret.ID] = ret
		for _, p := range ret.parts() {
			c.refundOf[p.Refund] = ret
		}
	}
	for _, call := range r.Calls {
		if _, known := c.asked[call.Key]; call.Op == Checkout && !known {
			c.asked[call.Key] = call
		}
	}
	for _, d := range r.Final.DeadLetters {
		c.dead[dead{d.App, d.Type, d.Subject, d.Return}] = true
	}
	return c
}

func (c *checker) wrong(k Kind, format string, args ...any) {
	c.found = append(c.found, Violation{k, fmt.Sprintf(format, args...)})
}

// items are the lines without prices, by SKU.
func items(lines []Line) []Item {
	out := make([]Item, len(lines))
	for i, l := range lines {
		out[i] = l.Item
	}
	return sorted(out)
}

func sorted(in []Item) []Item {
	return slices.SortedFunc(slices.Values(in), func(a, b Item) int { return cmp.Compare(a.SKU, b.SKU) })
}

func sortedLines(in []Line) []Line {
	return slices.SortedFunc(slices.Values(in), func(a, b Line) int { return cmp.Compare(a.SKU, b.SKU) })
}
