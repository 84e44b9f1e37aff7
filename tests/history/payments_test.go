package history

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func op(order, kind string, amount int64) Operation {
	id := kind + " " + order
	if kind == "authorise" {
		id = "auth " + order
	}
	return Operation{Order: order, ID: id, Kind: kind, Authorisation: "auth " + order, Status: "approved", Amount: amount}
}

// carded is a good run whose orders are paid by card: one is held, one freed, two are
// charged, of which one has money back, and one was refused.
func carded() Run {
	r := good()
	for id, c := range map[string]Card{
		"kept": {Authorised: 500}, "cancelled": {Authorised: 500}, "shipped": {Authorised: 1000, Captured: 1000},
		"returned": {Authorised: 1500, Captured: 1500, Refunded: 1000}, "refused": {Open: []string{"void"}},
	} {
		r.order(id).Card = &c
	}
	r.Final.Ledger = true
	r.Final.Operations = []Operation{
		op("kept", "authorise", 500), op("cancelled", "authorise", 500), op("cancelled", "void", 500),
		op("shipped", "authorise", 1000), op("shipped", "capture", 1000),
		op("returned", "authorise", 1500), op("returned", "capture", 1500), op("returned", "refund", 1000),
		{Order: "gone", ID: "auth gone", Kind: "authorise", Authorisation: "auth gone", Status: "declined", Amount: 500},
	}
	return r
}

func (r *Run) dropOperation(order, kind string) {
	r.Final.Operations = slices.DeleteFunc(r.Final.Operations, func(o Operation) bool { return o.Order == order && o.Kind == kind })
}

// What a shop that breaks a rule of payments would leave behind, and by which rule it
// is found.
func TestPayments(t *testing.T) {
	require.Empty(t, Check(carded()))
	more := func(ops ...Operation) func(*Run) {
		return func(r *Run) { r.Final.Operations = append(r.Final.Operations, ops...) }
	}
	for name, c := range map[string]struct {
		breaks func(*Run)
		want   []Kind
	}{
		"captured twice":                       {more(op("shipped", "capture", 1000)), []Kind{PaymentDiffers, PaymentMissing, PaymentTwice}},
		"held twice":                           {more(op("kept", "authorise", 500)), []Kind{PaymentDiffers, PaymentTwice, PaymentUnauthorised}},
		"refunded twice":                       {more(op("returned", "refund", 500)), []Kind{PaymentDiffers, PaymentRefund}},
		"a cancelled order is held":            {func(r *Run) { r.dropOperation("cancelled", "void") }, []Kind{PaymentKept}},
		"a cancelled order is charged":         {more(op("cancelled", "capture", 500)), []Kind{PaymentDiffers, PaymentKept}},
		"a refused order is held, late":        {more(op("refused", "authorise", 500)), []Kind{PaymentUnsettled}},
		"a refused order that does not look":   {func(r *Run) { r.order("refused").Card.Open = nil; more(op("refused", "authorise", 500))(r) }, []Kind{PaymentDiffers, PaymentKept}},
		"an order that is not there is held":   {more(op("lost", "authorise", 500)), []Kind{PaymentKept}},
		"an invoice is charged":                {func(r *Run) { r.order("shipped").Card = nil }, []Kind{PaymentDiffers}},
		"confirmed without authorisation":      {func(r *Run) { r.dropOperation("kept", "authorise"); r.order("kept").Card.Authorised = 0 }, []Kind{PaymentUnauthorised}},
		"confirmed with another amount":        {func(r *Run) { r.Final.Operations[0].Amount, r.order("kept").Card.Authorised = 499, 499 }, []Kind{PaymentUnauthorised}},
		"the order says more than was charged": {func(r *Run) { r.dropOperation("shipped", "capture") }, []Kind{PaymentDiffers, PaymentMissing}},
		"shipped, never charged":               {func(r *Run) { r.dropOperation("shipped", "capture"); r.order("shipped").Card.Captured = 0 }, []Kind{PaymentMissing}},
		"refunded another amount":              {func(r *Run) { r.Final.Operations[7].Amount, r.order("returned").Card.Refunded = 999, 999 }, []Kind{PaymentRefund}},
		"a capture is open":                    {func(r *Run) { r.order("shipped").Card.Open = []string{"capture"} }, []Kind{PaymentUnsettled}},
		"a void is open":                       {func(r *Run) { r.order("cancelled").Card.Open = []string{"void"} }, []Kind{PaymentUnsettled}},
	} {
		t.Run(name, func(t *testing.T) {
			r := carded()
			c.breaks(&r)
			require.Equal(t, c.want, kinds(Check(r)), "%v", Check(r))
		})
	}
}

// A card may be declined, and only one that the provider declines.
func TestDeclined(t *testing.T) {
	r := carded()
	c := r.call(Checkout, "key-refused")
	c.Answer, c.Code, c.Card = "422 "+Declined, Declined, "sandbox_declines"
	require.Empty(t, Check(r))
	c.Card = "sandbox_approves"
	require.Equal(t, []Kind{RefusedWrong}, kinds(Check(r)))
}
