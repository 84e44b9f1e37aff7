package history

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// swapped makes the return of good one whose two pieces are exchanged for one another:
// order new is sent for them.
func (r *Run) swapped() {
	lines := []RefundLine{{Item: Item{"a", 2}, Restock: true, Exchange: "a"}}
	o := r.order("returned")
	o.Refunds[0] = Refund{Return: "r", Lines: lines, Exchange: &Exchange{Order: "new", Status: ExchangePlaced, Value: 1000}}
	o.Refunded = 0
	r.Final.Returns[0].Refund = 0
	r.Final.Returns[0].Receipts = []Receipt{{ID: "r", Refund: "r", Noted: true, Lines: lines}}
	to := Order{ID: "new", Replaces: "returned", Status: Confirmed, Total: 1000, Lines: []Line{{Item: Item{"a", 2}, Price: 500}}}
	r.Final.Orders = append(r.Final.Orders, to)
	s := &r.Final.Stock[0]
	s.Reserved, s.Available = s.Reserved+2, s.Available-2
	s.Held["new"] = 2
	r.Final.Events = append(r.Final.Events, Event{"new", OrderConfirmed, "new", ""}, Event{"exchanged", OrderExchanged, "returned", "r"})
}

// refused makes the exchange of swapped one that could not be had.
func (r *Run) refused() {
	r.swapped()
	o := r.order("returned")
	o.Refunds[0].Exchange.Status, o.Refunds[0].Exchange.Refunded, o.Refunded = ExchangeRefused, 1000, 1000
	r.Final.Returns[0].Refund = 1000
	r.Final.Orders = slices.DeleteFunc(r.Final.Orders, func(o Order) bool { return o.ID == "new" })
	s := &r.Final.Stock[0]
	s.Reserved, s.Available = s.Reserved-2, s.Available+2
	delete(s.Held, "new")
	r.dropEvent(OrderConfirmed, "new")
}

func TestExchanges(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*Run)
		want Kind // "": nothing is wrong
	}{
		"placed":  {(*Run).swapped, ""},
		"refused": {(*Run).refused, ""},
		"cancelled: its buyer gets back what it is worth": {func(r *Run) {
			r.swapped()
			o, s := r.order("new"), &r.Final.Stock[0]
			o.Status, o.Refunded = Cancelled, 1000
			s.Reserved, s.Available = s.Reserved-2, s.Available+2
			delete(s.Held, "new")
			r.Final.Events = append(r.Final.Events, Event{"cancelled new", OrderCancelled, "new", ""})
		}, ""},
		"owed":          {func(r *Run) { r.swapped(); r.order("returned").Refunds[0].Exchange.Status = ExchangeOwed }, Unsettled},
		"support waits": {func(r *Run) { r.swapped(); r.Final.Returns[0].Receipts[0].Owed = true }, Unsettled},
		"both": {func(r *Run) {
			r.refused()
			r.Final.Orders = append(r.Final.Orders, Order{ID: "new", Replaces: "returned", Status: Confirmed, Total: 1000, Lines: []Line{{Item: Item{"a", 2}, Price: 500}}})
		}, ExchangeWrong},
		"neither":               {func(r *Run) { r.swapped(); r.order("new").Status, r.order("new").Refused = Cancelled, true }, ExchangeWrong},
		"refunded all the same": {func(r *Run) { r.swapped(); r.order("returned").Refunds[0].Exchange = nil }, ExchangeWrong},
		"another value":         {func(r *Run) { r.swapped(); r.order("new").Total = 900 }, ExchangeWrong},
		"another worth":         {func(r *Run) { r.swapped(); r.order("returned").Refunds[0].Exchange.Value = 900 }, ExchangeWrong},
		"other pieces":          {func(r *Run) { r.swapped(); r.order("new").Lines[0].Quantity = 3 }, ExchangeWrong},
		"less was refunded":     {func(r *Run) { r.refused(); r.order("returned").Refunds[0].Exchange.Refunded = 900 }, ExchangeWrong},
		"nobody knows of it":    {func(r *Run) { r.swapped(); r.order("new").Replaces = "shipped" }, ExchangeWrong},
		"two of them": {func(r *Run) {
			r.swapped()
			o := *r.order("new")
			o.ID = "newer"
			r.Final.Orders = append(r.Final.Orders, o)
		}, ExchangeWrong},
		"not announced": {func(r *Run) { r.swapped(); r.dropEvent(OrderExchanged, "returned") }, EventLost},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.make(&r)
			found := Check(r)
			if c.want == "" {
				require.Empty(t, found)
				return
			}
			require.True(t, slices.ContainsFunc(found, func(v Violation) bool { return v.Kind == c.want }), "%v", found)
		})
	}
}
