package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// parted has the order that came back sent in two shipments, and of the one that was
// shipped the second still to come.
func (r *Run) parted() {
	r.order("returned").Shipments = []Shipment{{"p", []Item{{"a", 1}}}, {"q", []Item{{"a", 2}}}}
	o := r.order("shipped")
	o.Status, o.Shipments = PartiallyShipped, []Shipment{{"s", []Item{{"a", 1}}}}
	r.Calls = append(r.Calls, Call{Buyer: "b", Op: ShipPart, Key: "shipped part", Order: "shipped", Outcome: Done})
	r.call(Ship, "shipped").Op = ReadStock
	r.call(Cancel, "shipped").Code = "order_is_partially_shipped"
	r.dropEvent(OrderShipped, "shipped")
	r.Final.Events = append(r.Final.Events, Event{"1", OrderPartShipped, "returned", "p"}, Event{"2", OrderPartShipped, "shipped", "s"})
	s := &r.Final.Stock[0]
	s.OnHand, s.Reserved, s.Sold, s.Booked, s.Held = 19, 3, 3, &Booked{All: 19, Sold: 3}, map[string]int{"kept": 1, "shipped": 2}
	for i := range r.Calls { // the last look had five sold
		if r.Calls[i].Op == ReadStock && r.Calls[i].Stock != nil && r.Calls[i].Stock.Sold > 3 {
			*r.Calls[i].Stock = Stock{SKU: "a", OnHand: 19, Reserved: 2, Available: 17, Sold: 3}
		}
	}
}

func TestShipmentsAreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Run)
		want  []Kind
	}{
		"all well":                 {func(*Run) {}, nil},
		"more than was bought":     {func(r *Run) { r.order("returned").Shipments[1].Lines[0].Quantity = 3 }, []Kind{ShipmentWrong}},
		"a shipment twice":         {func(r *Run) { r.order("returned").Shipments[1].ID = "p" }, []Kind{ShipmentWrong}},
		"it says all is sent":      {func(r *Run) { r.order("returned").Shipments[1].Lines[0].Quantity = 1 }, []Kind{ShipmentWrong}},
		"sent, and nothing is":     {func(r *Run) { r.order("shipped").Shipments = nil }, []Kind{EventFalse, ShipmentWrong}},
		"cancelled after it":       {func(r *Run) { r.order("shipped").Status = Cancelled }, []Kind{ChangeLost, EventLost, NotApplied, RefusedWrong, Reserved, ShipmentWrong}},
		"not announced":            {func(r *Run) { r.dropEvent(OrderPartShipped, "shipped") }, []Kind{EventLost}},
		"announced as two":         {func(r *Run) { r.Final.Events = append(r.Final.Events, Event{"3", OrderPartShipped, "shipped", "s"}) }, []Kind{EventTwice}},
		"sold too early":           {func(r *Run) { s := &r.Final.Stock[0]; s.Reserved, s.Sold, s.OnHand, s.Booked = 1, 5, 17, nil }, []Kind{Reserved, Sold}},
		"a part that was undone":   {func(r *Run) { o := r.order("shipped"); o.Status, o.Shipments = Confirmed, nil }, []Kind{ChangeLost, EventFalse, RefusedWrong}},
		"refused without a reason": {func(r *Run) { r.Calls = append(r.Calls, no(ShipPart, "kept", "order_not_found")) }, []Kind{RefusedWrong}},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			r.parted()
			c.spoil(&r)
			require.Equal(t, c.want, kinds(Check(r)), "%v", Check(r))
		})
	}
}
