package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// reduced has one of the two pieces cancelled of the order that is shipped, and two of
// four of the order that came back, after its card was charged.
func (r *Run) reduced() {
	o := r.order("shipped")
	o.Lines[0].Quantity, o.Total = 3, 1500
	o.Cancellations = []Cancellation{{ID: "x", Lines: []Item{{"a", 1}}, Amount: 500}}
	back := r.order("returned")
	back.Lines[0].Quantity, back.Total, back.Refunded = 4, 2000, 1500
	back.Cancellations = []Cancellation{{ID: "y", Lines: []Item{{"a", 1}}, Amount: 500, Refunded: 500}}
	back.Shipments = []Shipment{{"p", []Item{{"a", 3}}}}
	for i, c := range r.Calls {
		if c.Op != Checkout {
			continue
		}
		for id, n := range map[string]int{"key-shipped": 3, "key-returned": 4} {
			if c.Key == id {
				r.Calls[i].Lines = []Item{{"a", n}}
				if c.Got != nil {
					got := *r.order(id[len("key-"):])
					r.Calls[i].Got = &got
				}
			}
		}
	}
	r.Calls = append(r.Calls,
		Call{Buyer: "b", Op: CancelLines, Key: "shipped less", Order: "shipped", Outcome: Done},
		Call{Buyer: "b", Op: CancelLines, Key: "returned less", Order: "returned", Outcome: Done},
		no(CancelLines, "cancelled", "order_is_cancelled"),
	)
	r.Final.Events = append(r.Final.Events, Event{"1", OrderLinesCancelled, "shipped", "x"}, Event{"2", OrderLinesCancelled, "returned", "y"})
}

func TestCancellationsAreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Run)
		want  []Kind
	}{
		"all well":            {func(*Run) {}, nil},
		"more than is left":   {func(r *Run) { r.order("shipped").Cancellations[0].Lines[0].Quantity = 4 }, []Kind{CancelWrong, Sold}},
		"at another value":    {func(r *Run) { r.order("shipped").Cancellations[0].Amount = 499 }, []Kind{CancelWrong}},
		"part of it refunded": {func(r *Run) { r.order("returned").Cancellations[0].Refunded = 499 }, []Kind{CancelWrong, RefundWrong}},
		"not refunded":        {func(r *Run) { r.order("returned").Refunded = 1000 }, []Kind{RefundWrong}},
		"done twice": {func(r *Run) {
			o := r.order("shipped")
			o.Cancellations = append(o.Cancellations, Cancellation{ID: "z", Lines: []Item{{"a", 1}}, Amount: 500})
		}, []Kind{CancelWrong, EventLost, Sold}},
		"one ID for two": {func(r *Run) {
			o := r.order("shipped")
			o.Cancellations = append(o.Cancellations, o.Cancellations[0])
			r.Calls = append(r.Calls, Call{Buyer: "b", Op: CancelLines, Key: "shipped less again", Order: "shipped", Outcome: Done})
		}, []Kind{CancelWrong, Sold}},
		"lost":                     {func(r *Run) { r.order("shipped").Cancellations = nil }, []Kind{ChangeLost, EventFalse, Sold}},
		"sent all the same":        {func(r *Run) { r.order("returned").Shipments[0].Lines[0].Quantity = 4 }, []Kind{ShipmentWrong}},
		"not announced":            {func(r *Run) { r.dropEvent(OrderLinesCancelled, "shipped") }, []Kind{EventLost}},
		"announced as two":         {func(r *Run) { r.Final.Events = append(r.Final.Events, Event{"3", OrderLinesCancelled, "shipped", "x"}) }, []Kind{EventTwice}},
		"all of it":                {func(r *Run) { r.order("shipped").Cancellations[0].Lines[0].Quantity = 3 }, []Kind{CancelWrong, EventFalse, Sold}},
		"sold all the same":        {func(r *Run) { s := &r.Final.Stock[0]; s.OnHand, s.Sold, s.Available, s.Booked = 16, 6, 15, nil }, []Kind{Sold}},
		"refused without a reason": {func(r *Run) { r.Calls = append(r.Calls, no(CancelLines, "kept", "quantity_exceeded")) }, []Kind{RefusedWrong}},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			r.reduced()
			c.spoil(&r)
			require.Equal(t, c.want, kinds(Check(r)), "%v", Check(r))
		})
	}
}

// By card: it is charged for what was not cancelled before.
func TestCancellationsByCard(t *testing.T) {
	o := Order{Total: 2000, Cancellations: []Cancellation{{Amount: 500}, {Amount: 300, Refunded: 300}}}
	require.Equal(t, int64(1500), o.charged())
}
