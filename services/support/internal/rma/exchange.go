package rma

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// ExchangeStatus is how far orders has come with an exchange.
type ExchangeStatus string

// The statuses of an exchange. Owed ends as one of the others, once.
const (
	ExchangeOwed    ExchangeStatus = "owed"
	ExchangePlaced  ExchangeStatus = "placed"
	ExchangeRefused ExchangeStatus = "refused" // it could not be had: the value was refunded
)

// Exchange is what is sent for pieces of a receipt, as orders says.
type Exchange struct {
	OrderID string         `json:"order_id"` // of the replacement; it is an order once it is placed
	Status  ExchangeStatus `json:"status"`
	Refund  *money.Money   `json:"refund,omitempty"` // of a refused one
}

func (x *Exchange) owed() bool { return x != nil && x.Status == ExchangeOwed }

// Catalog is what returns need of the catalog.
type Catalog interface {
	// Sold says which SKUs are sold in a currency now, be they in stock or not.
	Sold(ctx context.Context, currency string, skus []string) (map[string]bool, error)
}

// exchangeable refuses to exchange for what is not sold. Without an exchange nobody is
// asked, else 1 invocation. Whether the other SKU is worth what was paid is for the
// agent to say who approves the return.
func (s *Service) exchangeable(ctx context.Context, currency string, lines []Line) error {
	var skus []string
	for _, l := range lines {
		if l.Exchange != "" {
			skus = append(skus, l.Exchange)
		}
	}
	if len(skus) == 0 {
		return nil
	}
	sold, err := s.catalog.Sold(ctx, currency, skus)
	if err != nil {
		return err
	}
	var bad refusal
	for i, l := range lines {
		at := fmt.Sprintf("/lines/%d/exchange_sku", i)
		switch {
		case l.Exchange == "":
		case !sold[l.Exchange]:
			bad.refuse("exchange_unknown", "The shop does not sell this.", at, "is not sold")
		case slices.ContainsFunc(lines[:i], func(o Line) bool { return o.Exchange == l.Exchange }):
			bad.refuse("duplicate_sku", "Each SKU stands once.", at, "is wanted for another line, too")
		}
	}
	return bad.error()
}

// swaps says what the customer wants for each line of a receipt.
func (r *Return) swaps(came []Came) []Came {
	out := slices.Clone(came)
	for i, c := range out {
		if j := slices.IndexFunc(r.Lines, func(l Line) bool { return l.SKU == c.SKU }); j >= 0 {
			out[i].Exchange = r.Lines[j].Exchange
		}
	}
	return out
}

// Exchanged notes how far an exchange has come. One that has ended stays as it is; a
// repeat changes nothing.
func (o *OfOrder) Exchanged(refundID string, x Exchange, now time.Time) error {
	r, p, err := o.behind(refundID)
	if err != nil || p.Exchange != nil && (!p.Exchange.owed() || x.owed()) {
		return err
	}
	p.Exchange = &x
	if p.Refund == nil { // its refund has not been heard of yet
		o.record(r, Change{Silent: true}, r.Status, now)
		return nil
	}
	o.settle(r, now)
	return nil
}

// made notes what orders has said of a refund. Its exchange goes first, so that the
// return is settled once.
func (o *OfOrder) made(refundID string, m Made, now time.Time) error {
	if m.Exchange != nil {
		if err := o.Exchanged(refundID, *m.Exchange, now); err != nil {
			return err
		}
	}
	return o.Refunded(refundID, m.Amount, now)
}

// HearExchange notes how an exchange has ended, as orders has announced it. Like
// HearRefund it leaves what no received return stands behind.
func (s *Service) HearExchange(ctx context.Context, orderID, refundID string, x Exchange) error {
	_, err := s.store.Change(ctx, orderID, func(o *OfOrder) error { return o.Exchanged(refundID, x, s.now()) })
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Conflict:
		s.log.WarnContext(ctx, "exchange of no received return", "order", orderID, "refund", refundID, "error", err)
		return nil
	default:
		return err
	}
}
