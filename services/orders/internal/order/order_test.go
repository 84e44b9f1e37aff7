package order

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/shopper"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func pending(method PaymentMethod) *Order {
	return &Order{
		ID: "o", Owner: shopper.User("u"), Status: Pending, Currency: "EUR", Version: 1,
		Lines: []Line{{SKU: "A", Quantity: 3}, {SKU: "B", Quantity: 1}}, Payment: Payment{Method: method},
	}
}

func sold(a, b int64) []Line {
	pa, pb := money.New(a, "EUR"), money.New(b, "EUR")
	return []Line{{SKU: "B", Quantity: 1, UnitPrice: &pb}, {SKU: "A", Quantity: 3, UnitPrice: &pa}}
}

// confirm confirms an order without promotions, tax and shipping.
func confirm(o *Order, got []Line) error {
	lines, err := o.Sold(got)
	if err != nil {
		return err
	}
	var r pricing.Request
	for _, l := range lines {
		r.Lines = append(r.Lines, pricing.Line{SKU: l.SKU, Quantity: l.Quantity, Unit: l.UnitPrice.Amount})
	}
	b, err := pricing.Price(r)
	if err != nil {
		return err
	}
	return o.Confirm(Bill{Lines: lines, Breakdown: b}, now)
}

func delivered(t *testing.T, method PaymentMethod) *Order {
	t.Helper()
	o := pending(method)
	require.NoError(t, confirm(o, sold(100, 50)))
	require.NoError(t, o.Ship("", 0, now))
	require.NoError(t, o.Deliver(0, now))
	return o
}

// Every pair of statuses, against the moves that there are.
func TestTransitions(t *testing.T) {
	moves := map[Status]func(*Order) error{
		Confirmed: func(o *Order) error { return confirm(o, sold(100, 50)) },
		Shipped:   func(o *Order) error { return o.Ship("T", 0, now) },
		PartiallyShipped: func(o *Order) error {
			return o.Dispatch(ShipmentID(o.ID, "some"), Parcel{Lines: []Item{{"A", 1}}}, 0, now)
		},
		Delivered: func(o *Order) error { return o.Deliver(0, now) },
		Cancelled: func(o *Order) error { return o.Cancel("", 0, now) },
	}
	allowed := map[Status][]Status{Pending: {Confirmed}, Confirmed: {PartiallyShipped, Shipped, Cancelled}, PartiallyShipped: {Shipped}, Shipped: {Delivered}}
	for _, from := range []Status{Pending, Confirmed, PartiallyShipped, Shipped, Delivered, Cancelled} {
		for to, move := range moves {
			o := pending(Invoice)
			o.Status = from
			if from == PartiallyShipped {
				o.Shipments = []Shipment{{ID: ShipmentID(o.ID, "some"), Lines: []Item{{"A", 1}}}}
			}
			err := move(o)
			switch {
			case from == to:
				require.NoError(t, err, "%s again", to)
				require.False(t, o.Changed())
			case slices.Contains(allowed[from], to):
				require.NoError(t, err, "%s to %s", from, to)
				require.Len(t, o.Facts(), 1)
			default:
				require.Equal(t, fault.Conflict, fault.KindOf(err), "%s to %s", from, to)
				require.Equal(t, from, o.Status)
				require.False(t, o.Changed())
			}
		}
	}
}

func TestConfirmTakesTheReservationsPrices(t *testing.T) {
	o := pending(Invoice)
	require.NoError(t, confirm(o, sold(100, 50)))
	require.Equal(t, int64(350), o.Total)
	require.Equal(t, int64(300), o.Lines[0].LineTotal.Amount)
	require.Equal(t, Payment{Method: Invoice, Status: Due, Due: 350}, o.Payment)

	require.Error(t, confirm(pending(Invoice), sold(100, 50)[:1]), "a line was not reserved")
	err := confirm(pending(Invoice), sold(1<<62, 50))
	require.Equal(t, "total_too_large", fault.CodeOf(err))
}

func TestVersions(t *testing.T) {
	o := delivered(t, Invoice)
	o.Status, o.Version = Confirmed, 5
	require.Equal(t, fault.PreconditionFailed, fault.KindOf(o.Ship("", 4, now)))
	require.NoError(t, o.Ship("", 5, now))
	require.NoError(t, o.Ship("", 4, now), "a repeat, whatever it has read")
}

func TestRefunds(t *testing.T) {
	type refund struct {
		id    string
		lines []RefundLine
		code  string // of the error; "": none
	}
	a := func(n int) []RefundLine { return []RefundLine{{SKU: "A", Quantity: n}} }
	b := []RefundLine{{SKU: "B", Quantity: 1, Restock: true}}
	worn := []RefundLine{{SKU: "A", Quantity: 1, Deduction: 50, Reason: "worn"}}
	tests := []struct {
		name    string
		method  PaymentMethod
		refunds []refund
		want    Payment
	}{
		{"part of what was paid", CashOnDelivery, []refund{{"1", a(1), ""}},
			Payment{Status: PartiallyRefunded, Paid: 350, Refunded: 100}},
		{"a repeat", CashOnDelivery, []refund{{"1", a(1), ""}, {"1", a(1), ""}},
			Payment{Status: PartiallyRefunded, Paid: 350, Refunded: 100}},
		{"a repeat with other lines", CashOnDelivery, []refund{{"1", a(1), ""}, {"1", a(2), "return_id_reused"}},
			Payment{Status: PartiallyRefunded, Paid: 350, Refunded: 100}},
		{"all, in two returns", CashOnDelivery, []refund{{"1", a(3), ""}, {"2", b, ""}},
			Payment{Status: Refunded, Paid: 350, Refunded: 350}},
		{"more than bought, over two returns", CashOnDelivery, []refund{{"1", a(2), ""}, {"2", a(2), "quantity_exceeded"}},
			Payment{Status: PartiallyRefunded, Paid: 350, Refunded: 200}},
		{"more than bought, in two lines of one", CashOnDelivery, []refund{{"1", append(a(2), a(2)...), "quantity_exceeded"}},
			Payment{Status: Paid, Paid: 350}},
		{"half of it deducted", CashOnDelivery, []refund{{"1", worn, ""}, {"1", worn, ""}},
			Payment{Status: PartiallyRefunded, Paid: 350, Refunded: 50}},
		{"a repeat with another deduction", CashOnDelivery, []refund{{"1", worn, ""}, {"1", a(1), "return_id_reused"}},
			Payment{Status: PartiallyRefunded, Paid: 350, Refunded: 50}},
		{"what is deducted of an invoice stays due", Invoice, []refund{{"1", worn, ""}},
			Payment{Status: Due, Due: 300, Refunded: 50}},
		{"an unknown article", CashOnDelivery, []refund{{"1", []RefundLine{{SKU: "C", Quantity: 1}}, "quantity_exceeded"}},
			Payment{Status: Paid, Paid: 350}},
		{"an invoice that is due", Invoice, []refund{{"1", a(1), ""}},
			Payment{Status: Due, Due: 250, Refunded: 100}},
		{"all of an invoice that is due", Invoice, []refund{{"1", a(3), ""}, {"2", b, ""}},
			Payment{Status: Refunded, Refunded: 350}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := delivered(t, tt.method)
			for _, r := range tt.refunds {
				_, err := o.Refund(r.id, r.lines, now)
				if r.code == "" {
					require.NoError(t, err)
				} else {
					require.Equal(t, r.code, fault.CodeOf(err))
				}
			}
			tt.want.Method = tt.method
			require.Equal(t, tt.want, o.Payment)
		})
	}
}

func TestNewsOfReturnsInAnyOrder(t *testing.T) {
	o := delivered(t, Invoice)
	o.NoteReturn(Return{ID: "r", Status: ReturnApproved, Version: 2})
	o.NoteReturn(Return{ID: "r", Status: ReturnRequested, Version: 1})
	o.NoteReturn(Return{ID: "r", Status: ReturnReceived, Version: 3})
	o.NoteReturn(Return{ID: "s", Status: ReturnRequested, Version: 1})
	require.Equal(t, []Return{{ID: "r", Status: ReturnReceived, Version: 3}, {ID: "s", Status: ReturnRequested, Version: 1}}, o.Returns)
}

func TestIDs(t *testing.T) {
	id := IDFor(shopper.User("u"), "key")
	require.Equal(t, id, IDFor(shopper.User("u"), "key"))
	require.NotEqual(t, id, IDFor(shopper.User("v"), "key"))
	require.Regexp(t, `^T-[0-9A-Z]{4}-[0-9A-Z]{4}$`, NumberFor(id))
}
