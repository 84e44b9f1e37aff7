package rma

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
)

func euros(n int64) money.Money { return money.New(n*100, "EUR") }

// statuses gives the statuses that were announced.
func (o *OfOrder) announced() (out []Status) {
	for _, c := range o.Changes() {
		if !c.Silent {
			out = append(out, c.Status)
		}
	}
	return out
}

// A return comes in parts; each is refunded under an ID of its own.
func TestParts(t *testing.T) {
	o := has(t, Approved, line("LAMP", 3), line("BULB", 1))
	r := &o.Returns[0]
	require.NoError(t, o.Take("r", "p1", 2, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now))
	require.NoError(t, o.Take("r", "p1", 2, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now), "a repeat")
	require.ErrorIs(t, o.Take("r", "p1", 0, []Came{{SKU: "LAMP", Quantity: 2, Restock: true}}, now), ErrReceived)
	require.Equal(t, PartiallyReceived, r.Status)
	require.True(t, r.Owes())
	require.NoError(t, o.Refunded(r.Receipts[0].RefundID, euros(5), now))
	require.False(t, r.Owes())
	require.Equal(t, euros(5), *r.Refund)

	// Of one SKU a piece is fit and another one scrap.
	require.NoError(t, o.Take("r", "p2", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}, {SKU: "LAMP", Quantity: 1, Restock: false}}, now))
	require.Equal(t, "quantity_exceeded", fault.CodeOf(o.Take("r", "p3", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now)))
	require.Equal(t, []Came{{SKU: "LAMP", Quantity: 2, Restock: true}, {SKU: "LAMP", Quantity: 1, Restock: false}}, r.CameBack())
	require.Equal(t, "quantity_exceeded", fault.CodeOf(o.Request(Return{ID: "x", Lines: []Line{line("BULB", 1)}}, bought)), "it may still come")

	require.NoError(t, o.Receive("r", 0, nil, now))
	require.Equal(t, Received, r.Status)
	require.Equal(t, []Came{{SKU: "BULB", Quantity: 1, Restock: true}}, r.Receipts[2].Lines, "what was left")
	require.Equal(t, "r", r.Receipts[2].RefundID)
	require.NoError(t, o.Refunded("r", euros(1), now))
	require.Equal(t, Received, r.Status, "a part is not refunded yet")
	require.NoError(t, o.Settle("r", now))
	require.Equal(t, Received, r.Status)
	require.NoError(t, o.Refunded(r.Receipts[1].RefundID, euros(10), now))
	require.Equal(t, Refunded, r.Status)
	require.Equal(t, euros(16), *r.Refund)
	require.Equal(t, []Status{PartiallyReceived, PartiallyReceived, Received, Refunded}, o.announced())
}

// Pieces of an SKU are found in different states; a repeat tells the same in any
// order, and another deduction is another receipt.
func TestFindings(t *testing.T) {
	o := has(t, Approved, line("LAMP", 3), line("BULB", 1))
	came := []Came{
		{SKU: "LAMP", Quantity: 1, Restock: true},
		{SKU: "LAMP", Quantity: 1, Restock: true, Deduction: 20, Why: "opened"},
		{SKU: "LAMP", Quantity: 1, Deduction: 80, Why: "broken"},
	}
	require.NoError(t, o.Take("r", "p", 0, came, now))
	require.NoError(t, o.Take("r", "p", 0, []Came{came[2], came[0], came[1]}, now))
	require.Len(t, o.Changes(), 1)
	other := []Came{came[0], came[1], {SKU: "LAMP", Quantity: 1, Deduction: 70, Why: "broken"}}
	require.ErrorIs(t, o.Take("r", "p", 0, other, now), ErrReceived)
	require.Equal(t, "duplicate_sku", fault.CodeOf(o.Take("r", "q", 0, []Came{{SKU: "BULB", Quantity: 1}, {SKU: "BULB", Quantity: 1}}, now)))
	require.Equal(t, 2, o.Returns[0].Lines[0].Restocked)
	require.Equal(t, []Came{{SKU: "LAMP", Quantity: 2, Restock: true}, {SKU: "LAMP", Quantity: 1}}, o.Returns[0].CameBack())
}

func TestTheLastPartCompletes(t *testing.T) {
	o := has(t, Approved, line("LAMP", 2))
	r := &o.Returns[0]
	require.NoError(t, o.Take("r", "p1", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now))
	require.NoError(t, o.Take("r", "p2", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: false}}, now))
	require.Equal(t, Received, r.Status)
	require.NoError(t, o.Receive("r", 0, nil, now), "nothing is left")
	require.NoError(t, o.CloseShort("r", 0, now))
	require.ErrorIs(t, o.Receive("r", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now), ErrReceived)
	require.ErrorIs(t, o.Take("r", "p3", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now), ErrStatus)
	require.Len(t, r.Receipts, 2)
}

// What does not come can be asked for again.
func TestClosedShort(t *testing.T) {
	o := has(t, Approved, line("LAMP", 3))
	require.ErrorIs(t, o.CloseShort("r", 0, now), ErrStatus, "nothing came: reject it")
	require.NoError(t, o.Take("r", "p1", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now))
	r := &o.Returns[0]
	require.NoError(t, o.Refunded(r.Receipts[0].RefundID, euros(5), now))
	require.ErrorIs(t, o.CloseShort("r", 1, now), ErrVersion)
	require.NoError(t, o.CloseShort("r", 0, now))
	require.Equal(t, Received, r.Status)
	require.True(t, r.Owes(), "it is still to be settled")
	require.NoError(t, o.Settle("r", now))
	require.Equal(t, Refunded, r.Status)
	require.NoError(t, o.CloseShort("r", 1, now), "a repeat")
	require.NoError(t, o.Request(Return{ID: "y", Lines: []Line{line("LAMP", 2)}}, bought))
}

// A part that orders refuses can be stated anew; the others stay.
func TestRefusedPart(t *testing.T) {
	o := has(t, Approved, line("LAMP", 3))
	r := &o.Returns[0]
	require.NoError(t, o.Take("r", "p1", 0, []Came{{SKU: "LAMP", Quantity: 2, Restock: true}}, now))
	part := r.Receipts[0].RefundID
	require.NoError(t, o.RefundRefused(part, "no", now))
	require.Equal(t, PartiallyReceived, r.Status)
	require.Equal(t, "no", r.Failure)
	require.NoError(t, o.Receive("r", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now))
	require.NoError(t, o.Refunded("r", euros(5), now))
	require.Equal(t, RefundFailed, r.Status)
	require.Equal(t, euros(5), *r.Refund)
	require.NoError(t, o.Take("r", "p1", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: false}}, now))
	require.Equal(t, Received, r.Status)
	require.Empty(t, r.Failure)
	require.NoError(t, o.Refunded(part, euros(4), now))
	require.NoError(t, o.RefundRefused(part, "late news", now))
	require.Equal(t, Refunded, r.Status)
	require.Equal(t, euros(9), *r.Refund)
	require.Equal(t, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}, {SKU: "LAMP", Quantity: 1, Restock: false}}, r.CameBack())
}

func TestReceiptsAreBounded(t *testing.T) {
	o := &OfOrder{}
	require.NoError(t, o.Request(Return{ID: "r", Lines: []Line{line("LAMP", 100)}}, map[string]int{"LAMP": 100}))
	require.NoError(t, o.Approve("r", 0, Label{}, now))
	for i := range MaxReceipts {
		require.NoError(t, o.Take("r", fmt.Sprint(i), 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now))
	}
	require.ErrorIs(t, o.Take("r", "one more", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now), ErrTooManyReceipts)
	require.NoError(t, o.CloseShort("r", 0, now))
}

// An ID that an agent chooses for a part is never that of a refund elsewhere.
func TestRefundIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, ids := range [][2]string{{"r", "r"}, {"r", "p"}, {"s", "s"}, {"s", "p"}, {"s", "r"}, {"r", "s"}} {
		id := refundID(ids[0], ids[1])
		require.False(t, seen[id], "%v", ids)
		seen[id] = true
		require.Equal(t, id, refundID(ids[0], ids[1]))
	}
}
