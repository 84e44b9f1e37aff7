package history

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// one line of SKU a, at its price.
func lineOf(quantity int) []Line { return []Line{{Item: Item{"a", quantity}, Price: 500}} }

// bought is the calls of a checkout that was done at its second try.
func bought(id, key, cart string, quantity int) []Call {
	ask := Call{Buyer: "b", Op: Checkout, Key: key, Cart: cart, Lines: []Item{{"a", quantity}}}
	lost, done := ask, ask
	lost.End, lost.Outcome, lost.Answer = 1, Unknown, "EOF"
	done.Begin, done.End, done.Outcome = 2, 3, Done
	done.Got = &Order{ID: id, Lines: lineOf(quantity), Total: int64(500 * quantity)}
	return []Call{lost, done}
}

func did(op Op, order, ret string) Call {
	return Call{Buyer: "b", Op: op, Key: order + ret, Order: order, Return: ret, Begin: 4, End: 5, Outcome: Done}
}

func no(op Op, order, code string) Call {
	return Call{Buyer: "b", Op: op, Key: order, Order: order, Outcome: Refused, Answer: code, Code: code}
}

func order(id string, status Status, quantity int) Order {
	return Order{ID: id, Key: "key-" + id, Cart: "cart-" + id, Status: status, Lines: lineOf(quantity), Total: int64(500 * quantity)}
}

func announced(subject string, kinds ...string) []Event {
	var out []Event
	for _, k := range kinds {
		out = append(out, Event{ID: subject + " " + k, Type: k, Subject: subject})
	}
	return out
}

// good is a run with every kind of order, in which all went well: of 20, one is
// reserved, one cancelled, two and three are sold, two of the three came back,
// and one order was refused.
func good() Run {
	r := Run{
		Goods:     []Good{{SKU: "a", Initial: 20, Price: 500}},
		LastFault: time.Minute,
		Final: Final{
			At: time.Minute + 10*time.Second,
			Orders: []Order{
				order("kept", Confirmed, 1), order("cancelled", Cancelled, 1), order("shipped", Shipped, 2), order("returned", Delivered, 3),
				{ID: "refused", Key: "key-refused", Status: Cancelled, Refused: true, Lines: []Line{{Item: Item{"a", 99}}}},
			},
			Returns: []Return{{ID: "r", Order: "returned", Status: ReturnRefunded, Refund: 1000}},
			Stock:   []Stock{{SKU: "a", OnHand: 17, Reserved: 1, Available: 16, Sold: 5, Held: map[string]int{"kept": 1}, Booked: &Booked{All: 17, Sold: 5}}},
		},
	}
	back := &r.Final.Orders[3]
	back.Refunded = 1000
	back.Refunds = []Refund{{Return: "r", Amount: 1000, Lines: []RefundLine{{Item: Item{"a", 2}, Restock: true}}}}
	back.Returns = []ReturnNews{{"r", ReturnRefunded}}
	for id, quantity := range map[string]int{"kept": 1, "cancelled": 1, "shipped": 2, "returned": 3} {
		r.Calls = append(r.Calls, bought(id, "key-"+id, "cart-"+id, quantity)...)
	}
	r.Calls = append(r.Calls,
		Call{Buyer: "b", Op: Checkout, Key: "key-refused", Cart: "cart-refused", Lines: []Item{{"a", 99}}, Outcome: Refused, Answer: "422 out_of_stock", Code: OutOfStock},
		// The cart of the order that is kept, submitted again at the same time.
		Call{Buyer: "b", Op: Checkout, Key: "key-double", Cart: "cart-kept", Lines: []Item{{"a", 1}}, Outcome: Refused, Answer: "409 cart_empty_or_taken", Code: CartTaken},
		did(Cancel, "cancelled", ""), did(Ship, "shipped", ""), did(Ship, "returned", ""), did(Deliver, "returned", ""),
		no(Cancel, "shipped", "order_is_shipped"), no(Ship, "cancelled", "order_is_cancelled"),
		did(AskReturn, "returned", "r"), did(ApproveReturn, "", "r"), did(ReceiveReturn, "", "r"),
		Call{Op: ReadStock, Begin: 1, End: 2, Outcome: Done, Stock: &Stock{SKU: "a", OnHand: 20, Reserved: 5, Available: 15}},
		Call{Op: ReadStock, Begin: 6, End: 7, Outcome: Done, Stock: &Stock{SKU: "a", OnHand: 17, Available: 17, Sold: 5}},
		Call{Op: ReadStock, Begin: 8, End: 9, Outcome: Unknown},
	)
	r.Final.Events = slices.Concat(
		announced("kept", OrderConfirmed), announced("cancelled", OrderConfirmed, OrderCancelled),
		announced("shipped", OrderConfirmed, OrderShipped), announced("returned", OrderConfirmed, OrderShipped, OrderDelivered),
		announced("refused", OrderCancelled), announced("a", "tienda.catalog.stock_adjusted"),
		announced("r", returnPrefix+"requested", returnPrefix+"approved", returnPrefix+"received", returnPrefix+"refunded"),
		announced("shipped", OrderShipped), // the same event twice: delivery is at least once
		[]Event{{"refund", OrderRefunded, "returned", "r"}},
	)
	return r
}

func (r *Run) order(id string) *Order {
	return &r.Final.Orders[slices.IndexFunc(r.Final.Orders, func(o Order) bool { return o.ID == id })]
}

func (r *Run) dropOrder(id string) {
	r.Final.Orders = slices.DeleteFunc(r.Final.Orders, func(o Order) bool { return o.ID == id })
}

func (r *Run) dropEvent(kind, subject string) {
	r.Final.Events = slices.DeleteFunc(r.Final.Events, func(e Event) bool { return e.Type == kind && e.Subject == subject })
}

func (r *Run) call(op Op, key string) *Call {
	i := slices.IndexFunc(r.Calls, func(c Call) bool { return c.Op == op && c.Key == key && c.Outcome != Unknown })
	return &r.Calls[i]
}

func kinds(found []Violation) []Kind {
	var out []Kind
	for _, v := range found {
		out = append(out, v.Kind)
	}
	return slices.Compact(out)
}

func TestGoodRun(t *testing.T) {
	require.Empty(t, Check(good()))
	js, err := json.Marshal(good())
	require.NoError(t, err)
	var again Run
	require.NoError(t, json.Unmarshal(js, &again))
	require.Empty(t, Check(again), "a run that was kept as JSON says the same")
}

// What a shop with such a bug would leave behind.
func TestSabotage(t *testing.T) {
	for name, c := range map[string]struct {
		bug  func(*Run)
		want []Kind
	}{
		// The process dies between the two: catalog has released what the order
		// still holds, and it may be sold again.
		"publish before commit": {func(r *Run) {
			r.Final.Events = append(r.Final.Events, announced("kept", OrderCancelled)...)
			r.Final.Stock[0] = Stock{SKU: "a", OnHand: 17, Available: 17, Sold: 5}
		}, []Kind{EventFalse, Reserved}},
		// The refund's event comes twice, and its goods are taken in twice.
		"no dedupe": {func(r *Run) {
			r.Final.Stock[0].OnHand += 2
			r.Final.Stock[0].Available += 2
		}, []Kind{Ledger, StockRead}},
		// The replica dies after the commit and nobody announces what it had done:
		// the cancelled order keeps its stock for ever.
		"journal dropped": {func(r *Run) {
			r.dropEvent(OrderCancelled, "cancelled")
			r.Final.Stock[0].Reserved, r.Final.Stock[0].Available = 2, 15
			r.Final.Stock[0].Held["cancelled"] = 1
		}, []Kind{EventLost, NotApplied, Reserved}},
		// Two reservations read the same stock, and the second write takes the
		// first one's place: more is promised than is held.
		"ETag ignored": {func(r *Run) {
			r.Final.Stock[0].Reserved, r.Final.Stock[0].Available = 0, 17
			r.Final.Stock[0].Held = nil
		}, []Kind{Reserved}},
		// The repeat of a reservation holds a second time.
		"reservation without key": {func(r *Run) {
			r.Final.Stock[0].Reserved, r.Final.Stock[0].Available = 2, 15
		}, []Kind{Reserved}},
		// The repeat of a checkout makes a second order of the cart.
		"checkout without key": {func(r *Run) {
			again := order("again", Confirmed, 1)
			again.Key, again.Cart = "key-kept", "cart-kept"
			r.Final.Orders = append(r.Final.Orders, again)
			r.Final.Events = append(r.Final.Events, announced("again", OrderConfirmed)...)
			r.Final.Stock[0].Reserved, r.Final.Stock[0].Available = 2, 15
		}, []Kind{OrderTwice}},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.bug(&r)
			found := Check(r)
			require.Equal(t, c.want, kinds(found), "%v", found)
		})
	}
}

// Each rule, broken alone.
func TestRules(t *testing.T) {
	for name, c := range map[string]struct {
		bug  func(*Run)
		want Violation
	}{
		"an acknowledged order is gone": {func(r *Run) { r.dropOrder("kept") },
			Violation{OrderLost, "order kept was acknowledged to b and is not there"}},
		"an acknowledged order was refused after all": {func(r *Run) { o := r.order("kept"); o.Refused, o.Status = true, Cancelled },
			Violation{OrderLost, "order kept was acknowledged to b and came to nothing"}},
		"the order of a shipment is gone": {func(r *Run) { r.dropOrder("shipped") },
			Violation{OrderLost, "order shipped, of which a ship was acknowledged, is not there"}},
		"the order of a return is gone": {func(r *Run) { r.dropOrder("returned") },
			Violation{OrderLost, "order returned, which has return r, is not there"}},
		"another quantity": {func(r *Run) { r.order("kept").Lines = lineOf(2) },
			Violation{OrderDiffers, "order kept was acknowledged with [{{a 1} 500 0}], total 500, and has [{{a 2} 500 0}], total 500"}},
		"another quantity than in the cart": {func(r *Run) { r.order("kept").Lines = lineOf(2) },
			Violation{OrderDiffers, "order kept has [{a 2}], its cart had [{a 1}]"}},
		"another price": {func(r *Run) { r.order("kept").Lines[0].Price = 499 },
			Violation{OrderDiffers, "order kept has a for 499, which costs 500"}},
		"another total": {func(r *Run) { r.order("kept").Total = 501 },
			Violation{OrderDiffers, "order kept has a total of 501, its lines make 500"}},
		"one key, two answers": {func(r *Run) { r.Calls = append(r.Calls, bought("other", "key-kept", "cart-kept", 1)...) },
			Violation{OrderTwice, "key key-kept was answered with order kept and with other"}},
		"one cart, two orders": {func(r *Run) {
			o := order("other", Confirmed, 1)
			o.Key = "key-double"
			r.Final.Orders = append(r.Final.Orders, o)
		}, Violation{OrderTwice, "orders kept and other are of the same cart cart-kept"}},
		"an order of nobody": {func(r *Run) { r.order("kept").Key = "mine" },
			Violation{OrderUnasked, `order kept has key "mine", which nobody has used`}},
		"an order whose buyer was told no": {func(r *Run) { o := r.order("refused"); o.Refused, o.Status = false, Confirmed },
			Violation{OrderUnasked, "order refused is confirmed although checkout key-refused was refused (422 out_of_stock)"}},
		"first yes, then no": {func(r *Run) {
			again := *r.call(Checkout, "key-kept")
			again.Outcome, again.Answer, again.Got = Refused, "409 cart_empty_or_taken", nil
			r.Calls = append(r.Calls, again)
		}, Violation{AnswerChanged, "checkout key-kept of b was done and was refused (409 cart_empty_or_taken)"}},
		"out of stock with stock": {func(r *Run) { r.Goods[0].Initial = 200 },
			Violation{RefusedWrong, "checkout key-refused of b was refused: 422 out_of_stock"}},
		"a cart that nobody has taken": {func(r *Run) { r.call(Checkout, "key-double").Cart = "own" },
			Violation{RefusedWrong, "checkout key-double of b was refused: 409 cart_empty_or_taken"}},
		"another refusal of a checkout": {func(r *Run) {
			c := r.call(Checkout, "key-refused")
			c.Code, c.Answer = "unknown_sku", "422 unknown_sku"
		},
			Violation{RefusedWrong, "checkout key-refused of b was refused: 422 unknown_sku"}},
		"a cancel that was possible": {func(r *Run) { r.Calls = append(r.Calls, no(Cancel, "kept", "order_is_pending")) },
			Violation{RefusedWrong, "cancel kept of b was refused: order_is_pending"}},
		"a shipment of what is never waited for": {func(r *Run) { r.Calls = append(r.Calls, no(Ship, "kept", Backordered)) },
			Violation{RefusedWrong, "ship kept of b was refused: backordered"}},
		"a shipment that was possible": {func(r *Run) { r.Calls = append(r.Calls, no(Ship, "kept", "order_not_found")) },
			Violation{RefusedWrong, "ship kept of b was refused: order_not_found"}},
		"a delivery of what was shipped": {func(r *Run) { r.Calls = append(r.Calls, no(Deliver, "shipped", "order_is_confirmed")) },
			Violation{RefusedWrong, "deliver shipped of b was refused: order_is_confirmed"}},
		"a cancel is undone": {func(r *Run) { r.order("cancelled").Status = Confirmed },
			Violation{ChangeLost, "order cancelled is confirmed although its cancel was acknowledged"}},
		"a shipment is undone": {func(r *Run) { r.order("shipped").Status = Confirmed },
			Violation{ChangeLost, "order shipped is confirmed although its ship was acknowledged"}},
		"a return is gone": {func(r *Run) { r.Final.Returns = nil },
			Violation{ChangeLost, "return r, of which ask_return was acknowledged, is not there"}},
		"an approval is undone": {func(r *Run) { r.Final.Returns[0].Status = ReturnRequested },
			Violation{ChangeLost, "return r is requested although its approve_return was acknowledged"}},
		"no repeat helped": {func(r *Run) { c := r.call(Checkout, "key-kept"); c.Outcome, c.Got, c.Answer = Unknown, nil, "503" },
			Violation{Unfinished, "checkout key-kept of b: the last of its answers is unknown 503"}},
		"a cancel that no repeat finished": {func(r *Run) { c := r.call(Cancel, "cancelled"); c.Outcome, c.Answer = Later, "429" },
			Violation{Unfinished, "cancel cancelled of b: the last of its answers is later 429"}},
		"an order is still pending": {func(r *Run) { r.order("kept").Status = Pending },
			Violation{Unsettled, "order kept is still pending"}},
		"a refund is still to come": {func(r *Run) { r.Final.Returns[0].Status = ReturnReceived },
			Violation{Unsettled, "return r was received and is not refunded"}},
		"it took too long": {func(r *Run) { r.Final.At = r.LastFault + SettleLimit + time.Second },
			Violation{Unsettled, "the last look was 31s after the last fault"}},
		"sold below zero": {func(r *Run) {
			*r.Calls[len(r.Calls)-2].Stock = Stock{SKU: "a", OnHand: 18, Reserved: 20, Available: -2, Sold: 2}
		},
			Violation{StockRead, "a is negative: -2 available, 20 reserved, 2 sold, 18 on hand"}},
		"a read does not add up": {func(r *Run) { r.Calls[len(r.Calls)-2].Stock.Reserved = 3 },
			Violation{StockRead, "a: on hand is not available + reserved: 17 available, 3 reserved, 5 sold, 17 on hand"}},
		"more is promised than may be": {func(r *Run) { r.Goods[0].Backorder = 2; s := r.Calls[len(r.Calls)-2].Stock; s.Waiting = 3 },
			Violation{Promised, "a: 3 are promised that are not there, and 2 may be: 17 available, 0 reserved, 5 sold, 17 on hand"}},
		"nobody waits for what is there": {func(r *Run) { r.Goods[0].Backorder = 2; s := r.Calls[len(r.Calls)-2].Stock; s.Waiting = 2 },
			Violation{Promised, "a: 2 are waited for although they are there: 17 available, 0 reserved, 5 sold, 17 on hand"}},
		"a promise is lost": {func(r *Run) {
			r.Goods[0].Backorder = 2
			s := &r.Final.Stock[0]
			s.OnHand, s.Available, s.Sold, s.Reserved = 17, 17, 5, 0
			s.Held = nil
		}, Violation{Reserved, "a has 0 reserved, its confirmed orders hold 1"}},
		"stock went missing for a while": {func(r *Run) { *r.Calls[len(r.Calls)-2].Stock = Stock{SKU: "a", OnHand: 16, Available: 16, Sold: 3} },
			Violation{StockRead, "a began with 20 and 2 came back in all, but a read has 16 available, 0 reserved, 3 sold, 16 on hand"}},
		"a later read has less": {func(r *Run) {
			r.Calls = append(r.Calls, Call{Op: ReadStock, Begin: 8, End: 9, Stock: &Stock{SKU: "a", OnHand: 15, Available: 15, Sold: 5}})
		}, Violation{StockRead, "a had 22 on hand and sold in all, and later 20: 15 available, 0 reserved, 5 sold, 15 on hand"}},
		"stock went missing": {func(r *Run) { s := &r.Final.Stock[0]; s.OnHand--; s.Available-- },
			Violation{Ledger, "a: initial 20 + restocked 2 is not 15 available, 1 reserved, 5 sold, 16 on hand"}},
		"an entry of the ledger went missing": {func(r *Run) { r.Final.Stock[0].Booked = &Booked{All: 19, Sold: 3} },
			Violation{Ledger, "a: its entries add up to 19, and to 3 sold, which is not 16 available, 1 reserved, 5 sold, 17 on hand"}},
		"a SKU went missing": {func(r *Run) { r.Final.Stock = nil },
			Violation{Ledger, "a has no stock any more"}},
		"an order holds nothing": {func(r *Run) { s := &r.Final.Stock[0]; s.Reserved, s.Available = 0, 17 },
			Violation{Reserved, "a has 0 reserved, its confirmed orders hold 1"}},
		"held for nobody": {func(r *Run) { r.Final.Stock[0].Held["ghost"] = 4 },
			Violation{Reserved, "4 of a are held for order ghost, which is not there"}},
		"a shipment that catalog never heard of": {func(r *Run) { s := &r.Final.Stock[0]; s.OnHand, s.Reserved, s.Sold = 19, 3, 3 },
			Violation{Sold, "a has 3 sold, its orders have shipped 5"}},
		"the same, by what is held": {func(r *Run) { r.Final.Stock[0].Held["shipped"] = 2 },
			Violation{NotApplied, "2 of a are held for order shipped, which is shipped"}},
		"an event was lost": {func(r *Run) { r.dropEvent(OrderDelivered, "returned") },
			Violation{EventLost, "tienda.orders.delivered of returned was not announced"}},
		"a refund was not announced": {func(r *Run) { r.dropEvent(OrderRefunded, "returned") },
			Violation{EventLost, "tienda.orders.refunded of returned for return r was not announced"}},
		"an event of a return was lost": {func(r *Run) { r.dropEvent(returnPrefix+"approved", "r") },
			Violation{EventLost, "tienda.support.return_approved of r was not announced"}},
		"announced and not done": {func(r *Run) { r.Final.Events = append(r.Final.Events, announced("kept", OrderShipped)...) },
			Violation{EventFalse, "tienda.orders.shipped of kept was announced and did not happen"}},
		"an order that was announced only": {func(r *Run) { r.Final.Events = append(r.Final.Events, announced("ghost", OrderConfirmed)...) },
			Violation{EventFalse, "tienda.orders.confirmed of ghost was announced and did not happen"}},
		"one shipment, two events": {func(r *Run) { r.Final.Events = append(r.Final.Events, Event{"z", OrderShipped, "shipped", ""}) },
			Violation{EventTwice, "tienda.orders.shipped of shipped was announced as shipped tienda.orders.shipped and z"}},
		"orders never heard of its return": {func(r *Run) { r.order("returned").Returns = nil },
			Violation{NotApplied, `return r is refunded, its order returned has heard "nothing"`}},
		"refunded twice": {func(r *Run) { o := r.order("returned"); o.Refunds = append(o.Refunds, o.Refunds[0]) },
			Violation{RefundWrong, "order returned has refunded return r twice"}},
		"more refunded than bought": {func(r *Run) { o := r.order("returned"); o.Refunds = append(o.Refunds, o.Refunds[0]) },
			Violation{RefundWrong, "order returned has refunded more of a than was bought"}},
		"refunded for nothing": {func(r *Run) { r.order("returned").Refunds[0].Return = "ghost" },
			Violation{RefundWrong, "order returned has refunded return ghost, which it does not have"}},
		"refunded too much": {func(r *Run) { r.order("returned").Refunds[0].Amount = 1500 },
			Violation{RefundWrong, "order returned has refunded 1500 for return r, which is worth 1000"}},
		"the sum is wrong": {func(r *Run) { r.order("returned").Refunded = 0 },
			Violation{RefundWrong, "order returned says that 0 is refunded, its refunds make 1000"}},
		"support notes another amount": {func(r *Run) { r.Final.Returns[0].Refund = 1 },
			Violation{RefundWrong, "return r notes 1, its order returned has refunded 1000"}},
		"a deduction was not made": {func(r *Run) {
			r.worn()
			o := r.order("returned")
			o.Refunds[0].Amount, o.Refunded, r.Final.Returns[0].Refund = 1000, 1000, 1000
		},
			Violation{RefundWrong, "order returned has refunded 1000 for return r, which is worth 670"}},
		"another deduction was made": {func(r *Run) {
			r.worn()
			r.Final.Returns[0].Receipts[0].Lines = []RefundLine{{Item: Item{"a", 2}, Restock: true, Deduction: 30}}
		},
			Violation{RefundWrong, "part r of return r was found to be [{{a 2} true 30 }], its order returned has refunded [{{a 2} true 33 }]"}},
		"a part was refunded twice": {func(r *Run) {
			r.inParts()
			o := r.order("returned")
			o.Refunds, o.Refunded = append(o.Refunds, Refund{Return: "p1", Amount: 500, Lines: []RefundLine{{Item: Item{"a", 1}, Restock: true}}}), 1500
		},
			Violation{RefundWrong, "order returned has refunded return p1 twice"}},
		"a part was never refunded": {func(r *Run) {
			r.inParts()
			o := r.order("returned")
			o.Refunds, o.Refunded = o.Refunds[1:], 500
		},
			Violation{RefundWrong, "return r is refunded, its order returned knows of none"}},
		"a part waits for its refund": {func(r *Run) {
			r.inParts()
			r.Final.Returns[0].Status, r.Final.Returns[0].Receipts[0].Noted = ReturnInParts, false
		},
			Violation{Unsettled, "part p of return r came back and is not refunded"}},
		"a part is gone": {func(r *Run) {
			r.inParts()
			r.Final.Returns[0].Receipts[0].ID = "other"
		},
			Violation{ChangeLost, "part p of return r was acknowledged and is not there"}},
		"a part was not announced": {func(r *Run) {
			r.inParts()
			r.dropEvent(ReturnPart, "r")
		},
			Violation{EventLost, "tienda.support.return_partially_received of r for return p was not announced"}},
		"support notes a refund that is not there": {func(r *Run) { r.order("returned").Refunds = nil },
			Violation{RefundWrong, "return r is refunded, its order returned knows of none"}},
		"refunded before it came": {func(r *Run) { r.Final.Returns[0].Status = ReturnApproved },
			Violation{RefundWrong, "return r is approved, its order returned has refunded it"}},
		"a refund was refused": {func(r *Run) { r.Final.Returns[0].Status = ReturnFailed },
			Violation{RefundWrong, "orders has refused to refund return r"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.bug(&r)
			require.Contains(t, Check(r), c.want)
		})
	}
}

// A dead letter explains the effect that is missing, and nothing else.
func TestDeadLetters(t *testing.T) {
	r := good()
	r.Final.Stock[0] = Stock{SKU: "a", OnHand: 15, Reserved: 2, Available: 13, Sold: 5}
	require.Equal(t, []Kind{Ledger, Reserved}, kinds(Check(r)))
	r.Final.DeadLetters = []DeadLetter{{"catalog", announced("cancelled", OrderCancelled)[0]}, {"catalog", Event{"refund", OrderRefunded, "returned", "r"}}}
	require.Empty(t, Check(r))
	r.Final.Stock[0].Reserved, r.Final.Stock[0].Available = 3, 12
	require.Equal(t, []Kind{Reserved}, kinds(Check(r)))

	r = good()
	r.order("returned").Returns[0].Status = ReturnReceived
	require.Equal(t, []Kind{NotApplied}, kinds(Check(r)))
	r.Final.DeadLetters = []DeadLetter{{"orders", announced("r", returnPrefix+"refunded")[0]}}
	require.Empty(t, Check(r))
	require.Equal(t, []Consumer{{"catalog", 5, 0, 1}, {"orders", 4, 1, 0}, {"support", 1, 0, 0}}, Consumers(r.Final))
}
