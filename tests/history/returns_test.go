package history

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// worn makes the return one whose pieces are worn: 33 % of what was paid is kept.
func (r *Run) worn() {
	lines := []RefundLine{{Item: Item{"a", 2}, Restock: true, Deduction: 33}}
	o := r.order("returned")
	o.Refunds[0].Lines, o.Refunds[0].Amount, o.Refunded = lines, 670, 670
	r.Final.Returns[0].Refund = 670
	r.Final.Returns[0].Receipts = []Receipt{{ID: "r", Refund: "r", Noted: true, Lines: lines}}
}

// inParts makes the return of good one that came in two parts.
func (r *Run) inParts() {
	ret, o := &r.Final.Returns[0], r.order("returned")
	ret.Receipts = []Receipt{{ID: "p", Refund: "p1", Noted: true}, {ID: "r", Refund: "r", Noted: true}}
	one := []RefundLine{{Item: Item{"a", 1}, Restock: true}}
	o.Refunds = []Refund{{"p1", 500, one}, {"r", 500, one}}
	r.Calls = append(r.Calls, Call{Op: TakePart, Key: "r", Order: "returned", Return: "r", Part: "p", Outcome: Done})
	r.Final.Events = append(r.Final.Events, Event{"part", ReturnPart, "r", "p"}, Event{"refund of part", OrderRefunded, "returned", "p1"})
}

func TestReturnInParts(t *testing.T) {
	r := good()
	r.inParts()
	require.Empty(t, Check(r))
	r.Final.Returns[0].Status = ReturnInParts
	r.Final.Returns[0].Receipts[1].ID = "q"
	r.order("returned").Returns[0].Status = ReturnInParts
	r.Calls = slices.DeleteFunc(r.Calls, func(c Call) bool { return c.Op == ReceiveReturn })
	r.Final.Events = append(r.Final.Events, Event{"part 2", ReturnPart, "r", "q"})
	r.dropEvent(returnPrefix+"received", "r")
	r.dropEvent(returnPrefix+"refunded", "r")
	require.Empty(t, Check(r), "more is expected")
}

func TestReturnOfWornPieces(t *testing.T) {
	r := good()
	r.worn()
	require.Empty(t, Check(r))
}
