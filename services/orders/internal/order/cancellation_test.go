package order

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/pricing"
)

func kinds(o *Order) (out []FactKind) {
	for _, f := range o.Facts() {
		out = append(out, f.Kind)
	}
	return out
}

// An order of 3 A for 100 and 1 B for 50, to be paid on delivery.
func TestCancelLines(t *testing.T) {
	o := confirmed(t)
	require.NoError(t, o.CancelLines("first", []Item{{"A", 2}}, "too many", 1, now))
	require.NoError(t, o.CancelLines("first", []Item{{"A", 2}}, "too many", 9, now), "a repeat, whatever it has read")
	require.Equal(t, []Cancellation{{ID: "first", Lines: []Item{{"A", 2}}, Reason: "too many", Amount: 200, At: now}}, o.Cancellations)
	require.Equal(t, "idempotency_key_reused", fault.CodeOf(o.CancelLines("first", []Item{{"A", 1}}, "too many", 0, now)))
	require.Equal(t, "idempotency_key_reused", fault.CodeOf(o.CancelLines("first", []Item{{"A", 2}}, "other", 0, now)))
	require.Equal(t, fault.PreconditionFailed, fault.KindOf(o.CancelLines("second", []Item{{"A", 1}}, "", 9, now)))
	require.Equal(t, Confirmed, o.Status)
	require.Equal(t, Payment{Method: CashOnDelivery, Status: Due, Due: 150}, o.Payment)
	require.Equal(t, []int{1, 1}, []int{o.Lines[0].Left(), o.Lines[1].Left()})
	require.Equal(t, 2, o.Quantity())

	require.NoError(t, o.Ship("", 0, now))
	require.Equal(t, []Item{{"A", 1}, {"B", 1}}, o.Shipments[0].Lines, "what was cancelled is not sent")
	require.Equal(t, "order_is_shipped", fault.CodeOf(o.CancelLines("second", []Item{{"A", 1}}, "", 0, now)))
	require.NoError(t, o.Deliver(0, now))
	require.Equal(t, Payment{Method: CashOnDelivery, Status: Paid, Paid: 150}, o.Payment)
	_, err := o.Refund("r", []RefundLine{{SKU: "A", Quantity: 2}}, now)
	require.Equal(t, "quantity_exceeded", fault.CodeOf(err), "and does not come back")
	r, err := o.Refund("r", []RefundLine{{SKU: "A", Quantity: 1}, {SKU: "B", Quantity: 1}}, now)
	require.NoError(t, err)
	require.Equal(t, int64(150), r.Amount)
	require.Equal(t, Refunded, o.Payment.Status)
	require.Equal(t, []FactKind{WasConfirmed, WereCancelled, WasShipped, WasDelivered, WasRefunded}, kinds(o))
}

func TestLinesThatCannotBeCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		lines []Item
		field string
	}{
		"more than was bought": {[]Item{{"B", 1}, {"A", 4}}, "/lines/1/quantity"},
		"more than is left":    {[]Item{{"A", 2}}, "/lines/0/quantity"},
		"of another order":     {[]Item{{"Z", 1}}, "/lines/0/sku"},
		"twice":                {[]Item{{"A", 1}, {"A", 1}}, "/lines/1/sku"},
	} {
		o := confirmed(t)
		require.NoError(t, o.Dispatch("s", Parcel{Lines: []Item{{"A", 1}}}, 0, now))
		require.NoError(t, o.CancelLines("c", []Item{{"A", 1}}, "", 0, now))
		before := *o
		var f *fault.Error
		require.ErrorAs(t, o.CancelLines("d", c.lines, "", 0, now), &f, name)
		require.Equal(t, "quantity_exceeded", f.Code, name)
		require.Equal(t, c.field, f.Fields[0].Name, name)
		require.Equal(t, before, *o, name)
	}
	for _, status := range []Status{Pending, Shipped, Delivered, Cancelled} {
		o := confirmed(t)
		o.Status = status
		require.Equal(t, "order_is_"+string(status), fault.CodeOf(o.CancelLines("c", []Item{{"A", 1}}, "", 0, now)))
	}
}

// With its last pieces the order is cancelled, and a repeat is one.
func TestTheLastLines(t *testing.T) {
	o := confirmed(t)
	require.NoError(t, o.CancelLines("c", []Item{{"A", 1}}, "", 0, now))
	all := []Item{{"A", 2}, {"B", 1}}
	for range 2 {
		require.NoError(t, o.CancelLines("d", all, "changed my mind", 0, now))
	}
	require.Equal(t, Cancelled, o.Status)
	require.Equal(t, "changed my mind", o.CancelReason)
	require.Equal(t, Payment{Method: CashOnDelivery, Status: Void}, o.Payment)
	require.Equal(t, []int64{100, 250}, []int64{o.Cancellations[0].Amount, o.Cancellations[1].Amount})
	require.Zero(t, o.Kept())
	require.Equal(t, []FactKind{WasConfirmed, WereCancelled, WasCancelled}, kinds(o))
}

// With the last pieces that are left to ship the order is shipped, and delivered if what
// was sent has arrived.
func TestTheRestOfAShippedOrder(t *testing.T) {
	for _, arrived := range []bool{false, true} {
		o := confirmed(t)
		require.NoError(t, o.Dispatch("s", Parcel{Lines: []Item{{"A", 1}}}, 0, now))
		if arrived {
			require.NoError(t, o.DeliverShipment("s", 0, now))
		}
		for range 2 {
			require.NoError(t, o.CancelLines("c", []Item{{"A", 2}, {"B", 1}}, "", 0, now.Add(time.Hour)))
		}
		told := []FactKind{WasConfirmed, WasPartiallyShipped, WereCancelled, WasShipped}
		if arrived {
			told = append(told, WasDelivered)
		}
		require.Equal(t, told, kinds(o))
		require.Equal(t, map[bool]Status{false: Shipped, true: Delivered}[arrived], o.Status)
		require.Len(t, o.Shipments, 1)
		require.NoError(t, o.Deliver(0, now))
		require.Equal(t, Payment{Method: CashOnDelivery, Status: Paid, Paid: 100}, o.Payment)
	}
}

func TestManyCancellations(t *testing.T) {
	o := pending(Invoice)
	o.Lines = []Line{{SKU: "A", Quantity: 60}, {SKU: "B", Quantity: 1}}
	got := sold(100, 50)
	got[1].Quantity = 60
	require.NoError(t, confirm(o, got))
	for i := range maxCancellations - 1 {
		require.NoError(t, o.CancelLines(fmt.Sprint(i), []Item{{"A", 1}}, "", 0, now))
	}
	require.Equal(t, "too_many_cancellations", fault.CodeOf(o.CancelLines("more", []Item{{"A", 1}}, "", 0, now)))
	require.NoError(t, o.CancelLines("all", []Item{{"A", 11}, {"B", 1}}, "", 0, now))
	require.Equal(t, Cancelled, o.Status)
}

// byCard gives a confirmed order of 350 by a card that has them authorised.
func byCard(t *testing.T, atOnce bool) *Order {
	t.Helper()
	o := pending(Card)
	o.ID = "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11"
	o.Payment.Card = payment.New(o.ID, "tok", now)
	require.NoError(t, o.NotePayment(o.Payment.Card.Authorisation().Key, payment.Outcome{Status: payment.Approved, Amount: 350}, now))
	lines, err := o.Sold(sold(100, 50))
	require.NoError(t, err)
	b, err := pricing.Price(pricing.Request{Lines: []pricing.Line{{SKU: "A", Quantity: 3, Unit: 100}, {SKU: "B", Quantity: 1, Unit: 50}}})
	require.NoError(t, err)
	require.NoError(t, o.Confirm(Bill{Lines: lines, Breakdown: b, AtOnce: atOnce}, now))
	return o
}

// answered has the provider do, or decline, all that the order owes it.
func answered(t *testing.T, o *Order, as payment.Status) {
	t.Helper()
	for {
		a, owes := o.Payment.Card.Next()
		if !owes {
			return
		}
		require.NoError(t, o.NotePayment(a.Key, payment.Outcome{Status: as, Amount: a.Amount}, now))
	}
}

// A card is charged for what is left, and gets back what was charged and is cancelled.
func TestCancelledLinesByCard(t *testing.T) {
	o := byCard(t, false)
	require.NoError(t, o.CancelLines("c", []Item{{"A", 1}}, "", 0, now))
	require.Equal(t, Authorised, o.Payment.Status)
	require.False(t, o.Owes(), "nothing is charged yet")
	require.NoError(t, o.Dispatch("s", Parcel{Lines: []Item{{"A", 1}}}, 0, now))
	require.NoError(t, o.CancelLines("d", []Item{{"B", 1}}, "", 0, now), "the charge is under way")
	answered(t, o, payment.Approved)
	require.Equal(t, []int64{250, 50}, []int64{o.Payment.Card.Captured(), o.Payment.Card.Refunded()})
	require.Equal(t, []int64{0, 250, 50}, []int64{o.Payment.Due, o.Payment.Paid, o.Payment.Refunded})
	require.Equal(t, PartiallyRefunded, o.Payment.Status)
	require.Equal(t, []int64{0, 50}, []int64{o.Cancellations[0].Refunded, o.Cancellations[1].Refunded})

	o = byCard(t, true)
	answered(t, o, payment.Approved)
	require.NoError(t, o.CancelLines("c", []Item{{"A", 1}}, "", 0, now))
	require.NoError(t, o.CancelLines("d", []Item{{"A", 2}, {"B", 1}}, "", 0, now))
	answered(t, o, payment.Approved)
	require.Equal(t, []int64{350, 350}, []int64{o.Payment.Card.Captured(), o.Payment.Card.Refunded()})
	require.Equal(t, []int64{100, 250}, []int64{o.Cancellations[0].Refunded, o.Cancellations[1].Refunded})
	require.Equal(t, Refunded, o.Payment.Status)
}

// A card that is declined when it is to be charged: what is due falls, and nothing goes
// back of what was never taken.
func TestCancelledLinesOfADeclinedCard(t *testing.T) {
	for _, known := range []bool{false, true} { // before the cancellation
		o := byCard(t, false)
		require.NoError(t, o.Dispatch("s", Parcel{Lines: []Item{{"A", 1}}}, 0, now))
		if known {
			answered(t, o, payment.Declined)
		}
		require.NoError(t, o.CancelLines("c", []Item{{"A", 1}}, "", 0, now))
		answered(t, o, payment.Declined)
		require.Equal(t, []int64{250, 0, 0}, []int64{o.Payment.Due, o.Payment.Paid, o.Payment.Refunded})
		require.Zero(t, o.Cancellations[0].Refunded)
		require.NoError(t, o.Recapture(0, now))
		answered(t, o, payment.Approved)
		require.Equal(t, []int64{250, 0}, []int64{o.Payment.Card.Captured(), o.Payment.Card.Refunded()})
		require.Equal(t, []int64{0, 250}, []int64{o.Payment.Due, o.Payment.Paid})
		require.Equal(t, Paid, o.Payment.Status, "nothing went back")
	}
}

// What is left of an order can be free: then its card is let go.
func TestWhatIsLeftIsFree(t *testing.T) {
	o := pending(Card)
	o.Payment.Card = payment.New("0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11", "tok", now)
	require.NoError(t, o.NotePayment(o.Payment.Card.Authorisation().Key, payment.Outcome{Status: payment.Approved, Amount: 300}, now))
	lines, err := o.Sold(sold(100, 0))
	require.NoError(t, err)
	b, err := pricing.Price(pricing.Request{Lines: []pricing.Line{{SKU: "A", Quantity: 3, Unit: 100}, {SKU: "B", Quantity: 1}}})
	require.NoError(t, err)
	require.NoError(t, o.Confirm(Bill{Lines: lines, Breakdown: b}, now))
	require.NoError(t, o.CancelLines("c", []Item{{"A", 3}}, "", 0, now))
	answered(t, o, payment.Approved)
	require.Equal(t, "voided", o.Payment.Card.State())
	require.NoError(t, o.Ship("", 0, now))
	require.False(t, o.Owes())
	require.Equal(t, Confirmed, confirmed(t).Status)
}

// Whatever was bought and is cancelled and comes back, in whatever pieces: what the order
// costs less and what is refunded are never more than it cost, and all of it is all, in
// tax as well; what is paid is never more than what is kept.
func TestCancellationsAndRefundsAddUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	some := func(left []Item) (out []Item) {
		for _, x := range left {
			if r.IntN(2) == 0 {
				out = append(out, Item{x.SKU, 1 + r.IntN(x.Quantity)})
			}
		}
		return out
	}
	for range 1000 {
		o := anOrderToShip(t, r)
		for n := 0; o.Status == Confirmed || o.Status == PartiallyShipped; n++ {
			pieces, id := some(o.unsent()), fmt.Sprint(n)
			switch {
			case n > 30:
				require.NoError(t, o.Ship("", 0, now))
			case len(pieces) == 0:
			case r.IntN(2) == 0:
				require.NoError(t, o.CancelLines(id, pieces, "", 0, now))
			default:
				require.NoError(t, o.Dispatch(id, Parcel{Lines: pieces}, 0, now))
			}
			if o.Status != Cancelled {
				require.Equal(t, o.Kept(), o.Payment.Due)
			}
			require.GreaterOrEqual(t, o.Kept(), int64(0))
		}
		if o.Status == Shipped {
			require.NoError(t, o.Deliver(0, now))
			require.Equal(t, o.Kept(), o.Payment.Paid)
			var back []RefundLine
			for _, l := range o.Lines {
				if l.Left() > 0 {
					back = append(back, RefundLine{SKU: l.SKU, Quantity: l.Left()})
				}
			}
			f, err := o.Refund("all", back, now)
			require.NoError(t, err)
			require.Equal(t, o.Kept(), f.Amount)
		}
		tax := int64(0)
		for _, c := range o.Cancellations {
			tax += c.Tax
		}
		for _, f := range o.Refunds {
			tax += f.Tax
		}
		require.Equal(t, o.Totals.Tax, tax)
	}
}
