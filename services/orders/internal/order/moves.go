package order

import (
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/pricing"
)

var errVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
	"The order has changed since you read it. Read it again.").At("If-Match", "is not the current version")

// move takes the order to a status; done: it was there already, which a
// repeat of a request finds, whatever version it names.
func (o *Order) move(to Status, version int64) (done bool, err error) {
	switch {
	case o.Status == to:
		return true, nil
	case version != 0 && version != o.Version:
		return false, errVersion
	case !o.Status.CanBecome(to):
		return false, wrongState(o.Status, to)
	}
	o.Status = to
	return false, nil
}

// Sold gives the lines of a pending order as they were reserved, in their order:
// got are those lines in any order, with the prices that hold for them.
func (o *Order) Sold(got []Line) ([]Line, error) {
	bySKU := make(map[string]Line, len(got))
	for _, l := range got {
		bySKU[l.SKU] = l
	}
	out := make([]Line, len(o.Lines))
	for i, want := range o.Lines {
		l, ok := bySKU[want.SKU]
		if !ok || l.Quantity != want.Quantity || l.UnitPrice == nil || l.UnitPrice.Currency != o.Currency {
			return nil, fmt.Errorf("order %s: %d of %s were not reserved with a price", o.ID, want.Quantity, want.SKU)
		}
		sum, err := l.UnitPrice.Times(int64(l.Quantity))
		if err != nil {
			return nil, fault.New(fault.Unprocessable, "total_too_large", "The total is more than an order can have.")
		}
		l.LineTotal = &sum
		out[i] = l
	}
	return out, nil
}

// Bill is what an order costs.
type Bill struct {
	Lines []Line // of Sold
	pricing.Breakdown
	Redeemed []string // promotions whose use it counts
	AtOnce   bool     // a card is charged when the order is confirmed
}

// Confirm makes a pending order a purchase. The lines of the bill's breakdown are in
// the order of its Lines.
func (o *Order) Confirm(b Bill, now time.Time) error {
	if done, err := o.move(Confirmed, 0); done || err != nil {
		return err
	}
	if err := o.covered(b.Totals.Total, now); err != nil {
		return err
	}
	o.Lines = slices.Clone(b.Lines)
	for i := range o.Lines {
		o.Lines[i].Charge = &b.Breakdown.Lines[i].Charge
	}
	o.Totals, o.Shipping, o.Redeemed = b.Totals, b.Shipping, b.Redeemed
	o.Total, o.ConfirmedAt = b.Totals.Total, now
	o.Payment.Status, o.Payment.Due = Due, o.Total
	if o.Payment.Card != nil && o.Total > 0 {
		o.Payment.Status, o.Payment.AtOnce = Authorised, b.AtOnce
	}
	o.happened(Fact{Kind: WasConfirmed})
	if o.Payment.AtOnce {
		return o.charge(now)
	}
	return nil
}

// Refuse ends a pending order whose checkout cannot succeed; the reason is
// kept for repeats of the request.
func (o *Order) Refuse(why *fault.Error, now time.Time) error {
	if done, err := o.move(Cancelled, 0); done || err != nil {
		return err
	}
	o.End(why, now)
	o.happened(Fact{Kind: WasCancelled})
	return nil
}

// End makes an order that nobody has heard of the record of a refusal. Nothing
// was reserved for it, so there is nothing to announce.
func (o *Order) End(why *fault.Error, now time.Time) {
	o.Status = Cancelled
	o.Refusal = &Refusal{Kind: why.Kind, Code: why.Code, Detail: why.Detail, Fields: why.Fields}
	o.void("refused: "+why.Code, now)
}

// Fault gives the refusal as the error that it was.
func (r *Refusal) Fault() error {
	return &fault.Error{Kind: r.Kind, Code: r.Code, Detail: r.Detail, Fields: r.Fields}
}

// Cancel ends a confirmed order; its stock is released. version is that of
// the order which the caller has seen, 0 for any, here and below.
func (o *Order) Cancel(reason string, version int64, now time.Time) error {
	if o.Status == Pending { // a checkout still drives it
		return wrongState(Pending, Cancelled)
	}
	if done, err := o.move(Cancelled, version); done || err != nil {
		return err
	}
	if reason == "" {
		reason = "cancelled"
	}
	o.void(reason, now)
	o.happened(Fact{Kind: WasCancelled})
	return nil
}

func (o *Order) void(reason string, now time.Time) {
	o.CancelReason, o.CancelledAt = reason, now
	o.Payment.Status, o.Payment.Due = Void, 0
	if o.Payment.Card == nil && o.Payment.Paid > 0 { // given back by hand
		o.Payment.Status, o.Payment.Refunded = Refunded, o.Payment.Paid
	}
	o.release(now)
	o.strip()
}
