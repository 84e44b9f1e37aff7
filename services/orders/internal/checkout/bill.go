package checkout

import (
	"context"
	"errors"
	"fmt"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/terms"
)

// bill prices an order whose lines are reserved, and has the limited promotions count
// it. It prices as of the moment in which the checkout began, so that one which is
// taken up late still gets a promotion that has ended meanwhile.
//
// Two drivers of one order may come to two bills, when the terms have changed between
// them. The one that confirms it first counts; what the other has redeemed is given
// back by the sweep of the uses, as is what an order redeems that comes to nothing.
func (s *Service) bill(ctx context.Context, o *order.Order, reserved []order.Line) (order.Bill, error) {
	sold, err := o.Sold(reserved)
	if err != nil {
		return order.Bill{}, err
	}
	now, err := s.terms.Get(ctx)
	if err != nil {
		return order.Bill{}, err
	}
	q := terms.Query{
		Currency: o.Currency, Lines: Goods(sold), To: &pricing.Destination{Country: o.Address.Country, Region: o.Address.Region},
		Method: o.Asked.Method, Codes: o.Asked.Codes, Owner: o.Owner, At: o.CreatedAt, Order: o.ID, Without: map[string]bool{},
	}
	for {
		quote, err := now.Price(q)
		if err != nil {
			return order.Bill{}, err
		}
		if err := agreed(o, quote); err != nil {
			return order.Bill{}, err
		}
		again, err := s.redeem(ctx, o, quote, q.Without)
		if err != nil {
			return order.Bill{}, err
		}
		if again { // an automatic one is used up: without it
			continue
		}
		b := order.Bill{Lines: sold, Breakdown: quote.Breakdown, AtOnce: now.Payments.AtOnce()}
		for _, p := range quote.Limited {
			b.Redeemed = append(b.Redeemed, p.ID)
		}
		return b, nil
	}
}

// Goods gives lines as they are priced.
func Goods(lines []order.Line) []pricing.Line {
	out := make([]pricing.Line, len(lines))
	for i, l := range lines {
		out[i] = pricing.Line{
			SKU: l.SKU, ProductID: l.ProductID, Category: l.Category, TaxClass: l.TaxClass,
			Quantity: l.Quantity, Unit: l.UnitPrice.Amount, Weight: l.Weight,
		}
	}
	return out
}

// agreed refuses what the shopper has not asked for: a code of the cart that gives
// nothing, a way of shipping that is not offered, another total than expected.
func agreed(o *order.Order, q terms.Quote) error {
	for _, c := range q.Codes {
		if c.Reason != "" {
			return fault.New(fault.Unprocessable, "promotion_not_applicable", "A code of the cart gives nothing. Remove it, or make it fit.").
				At("/promotions/"+c.Code, string(c.Reason))
		}
	}
	if q.Delivery != nil {
		return q.Delivery
	}
	if want := o.Asked.Expected; want != nil && *want != money.New(q.Totals.Total, o.Currency) {
		e := fault.New(fault.Conflict, "total_changed", "The total is another one now. Look at it and check out again.")
		e = e.At("/expected_total", "is "+amount(q.Totals.Total, o.Currency)+" now")
		for _, f := range []struct {
			name string
			is   int64
		}{{"items", q.Totals.Items}, {"discount", q.Totals.Discount}, {"shipping", q.Totals.Shipping}, {"tax", q.Totals.Tax}, {"total", q.Totals.Total}} {
			e = e.At("/totals/"+f.name, amount(f.is, o.Currency))
		}
		return e
	}
	return nil
}

func amount(n int64, currency string) string { return money.New(n, currency).String() }

// redeem has the limited promotions of a quote count the order. State: nothing
// without one, else 1 bulk get and 1 transaction, shared with others that want the
// same. again says that an automatic one was used up and is to be left out.
func (s *Service) redeem(ctx context.Context, o *order.Order, q terms.Quote, without map[string]bool) (again bool, err error) {
	if len(q.Limited) == 0 {
		return false, nil
	}
	err = s.uses.Take(ctx, promotion.Ask{Order: o.ID, User: o.Owner.UserID(), Promotions: q.Limited})
	var r *promotion.Refusal
	if !errors.As(err, &r) {
		return false, err
	}
	if r.Promotion.Code == "" {
		without[r.Promotion.ID] = true
		return true, nil
	}
	return false, r.Why.At("/promotions/"+r.Promotion.Code, "cannot be used any more").Because(fmt.Errorf("order %s", o.ID))
}
