package history

import (
	"maps"
	"slices"
	"strings"
)

// The rules of payments by card. They are held where the run has seen the provider's
// ledger.
const (
	PaymentDiffers      Kind = "payment-differs"      // the order says another thing than the provider's ledger
	PaymentTwice        Kind = "payment-twice"        // a card was held or charged twice for an order
	PaymentKept         Kind = "payment-kept"         // money of an order that is cancelled, or is not there, is held or was not given back
	PaymentRefund       Kind = "payment-refund"       // the card got back another amount than the order says
	PaymentUnauthorised Kind = "payment-unauthorised" // an order was confirmed without its total held on the card
	PaymentMissing      Kind = "payment-missing"      // goods went out without their money
	PaymentUnsettled    Kind = "payment-unsettled"    // a step was still open at the end
)

// Declined is the refusal of a checkout by a card that the provider declines.
const Declined = "payment_declined"

// Card is what an order says of its card.
type Card struct {
	Authorised int64    `json:"authorised"`
	Captured   int64    `json:"captured"`
	Refunded   int64    `json:"refunded"`
	Open       []string `json:"open,omitempty"` // steps of which the order does not know the outcome
}

// Operation is what the payment provider has done under a key.
type Operation struct {
	Order         string `json:"order"`
	ID            string `json:"id"`
	Kind          string `json:"kind"` // authorise, capture, void, refund
	Authorisation string `json:"authorisation"`
	Status        string `json:"status"` // approved, declined, pending
	Amount        int64  `json:"amount"`
}

// sums is what the provider has done for an order.
type sums struct {
	Card
	held             int64 // authorised, and neither captured nor voided
	charged, granted int   // how many captures, and authorisations
}

// payments holds every order to the provider's ledger.
func (c *checker) payments() {
	if !c.run.Final.Ledger {
		return
	}
	byOrder := map[string][]Operation{}
	for _, o := range c.run.Final.Operations {
		byOrder[o.Order] = append(byOrder[o.Order], o)
	}
	for _, o := range c.run.Final.Orders {
		if s := add(byOrder[o.ID]); o.Card != nil {
			c.paid(o, s)
		} else if len(byOrder[o.ID]) > 0 {
			c.wrong(PaymentDiffers, "order %s has no card, the provider has done %+v for it", o.ID, byOrder[o.ID])
		}
		delete(byOrder, o.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(byOrder)) {
		if s := add(byOrder[id]); s.held != 0 || s.Captured != s.Refunded {
			c.wrong(PaymentKept, "order %s is not there, the provider has %+v of it", id, s)
		}
	}
}

func add(ops []Operation) (s sums) {
	for _, o := range ops {
		if o.Status != "approved" {
			continue
		}
		switch o.Kind {
		case "authorise":
			s.granted++
			s.Authorised += o.Amount
			if !slices.ContainsFunc(ops, func(v Operation) bool {
				return v.Kind == "void" && v.Status == "approved" && v.Authorisation == o.ID
			}) {
				s.held += o.Amount
			}
		case "capture":
			s.charged++
			s.Captured += o.Amount
			s.held -= o.Amount
		case "refund":
			s.Refunded += o.Amount
		}
	}
	return s
}

// paid holds one order by card to what the provider has done for it.
func (c *checker) paid(o Order, s sums) {
	wrong := func(k Kind) {
		c.wrong(k, "order %s is %s, costs %d, has refunded %d and says %+v, the provider has %+v", o.ID, o.Status, o.Total, o.Refunded, *o.Card, s)
	}
	if s.granted > 1 || s.charged > 1 {
		wrong(PaymentTwice)
	}
	if !o.looking(s) && len(o.Card.Open) > 0 {
		wrong(PaymentUnsettled)
		return // what is open is done at the provider, or is not
	}
	if s.Captured != o.Card.Captured || s.Refunded != o.Card.Refunded || s.Authorised != o.Card.Authorised {
		wrong(PaymentDiffers)
	}
	switch o.Status {
	case Cancelled:
		if s.held != 0 || s.Captured != s.Refunded {
			wrong(PaymentKept)
		}
		return
	case Pending: // orders has its rule
		return
	case Confirmed:
		if s.held != o.Total {
			wrong(PaymentUnauthorised)
		}
	case PartiallyShipped, Shipped, Delivered: // charged with the first shipment
		if s.Captured != o.charged() {
			wrong(PaymentMissing)
		}
	}
	if s.Refunded != o.Refunded {
		wrong(PaymentRefund)
	}
}

// looking says that all that is open is the look for an authorisation of an order
// which was refused, of which the provider has none: it goes on for half a minute,
// and may outlast the run.
func (o Order) looking(s sums) bool {
	return o.Refused && s.granted == 0 && !slices.ContainsFunc(o.Card.Open, func(step string) bool { return step != "void" && step != "authorise" })
}

// declines says whether a checkout's card is declined.
func (c Call) declines() bool { return strings.HasPrefix(c.Card, "sandbox_declines") }
